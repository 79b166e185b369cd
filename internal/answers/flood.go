package answers

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Gigabyte is the size of an answer that no client may hold.
const Gigabyte = 1 << 30

// A Flood is an answer that is larger than there is memory for, or has no end.
type Flood struct {
	Name   string
	Drops  bool // it comes drop by drop: whoever reads it waits for as long as they may
	Packed bool // it is small until it is unpacked

	// Write answers with a status and a body that begins with start, which may
	// be the beginning of one that makes sense.
	Write func(w http.ResponseWriter, r *http.Request, status int, start string)
}

// Floods are the answers that a hostile or broken server may give.
var Floods = []Flood{
	{Name: "a gigabyte", Write: func(w http.ResponseWriter, r *http.Request, status int, start string) {
		begin(w, status, start)
		pour(w, r, Gigabyte)
	}},
	{Name: "a gigabyte that is announced", Write: func(w http.ResponseWriter, r *http.Request, status int, start string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(start)+Gigabyte))
		begin(w, status, start)
		pour(w, r, Gigabyte)
	}},
	{Name: "a gigabyte as a megabyte of gzip", Packed: true, Write: func(w http.ResponseWriter, _ *http.Request, status int, start string) {
		packed := packedGigabyte(start)
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		_, _ = w.Write(packed)
	}},
	{Name: "an endless answer", Write: func(w http.ResponseWriter, r *http.Request, status int, start string) {
		begin(w, status, start)
		pour(w, r, 1<<62)
	}},
	{Name: "an endless answer, drop by drop", Drops: true, Write: func(w http.ResponseWriter, r *http.Request, status int, start string) {
		begin(w, status, start)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "0"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}},
	{Name: "endless headers", Write: func(w http.ResponseWriter, r *http.Request, _ int, _ string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		line := []byte("X-A: " + strings.Repeat("0", 1<<12) + "\r\n")
		for r.Context().Err() == nil {
			if _, err := conn.Write(line); err != nil {
				return
			}
		}
	}},
}

func begin(w http.ResponseWriter, status int, start string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, start)
}

var zeros = bytes.Repeat([]byte("0"), 1<<16)

// pour writes zeros until there are n, or nobody reads them.
func pour(w io.Writer, r *http.Request, n int) {
	for sent := 0; sent < n && r.Context().Err() == nil; sent += len(zeros) {
		if _, err := w.Write(zeros); err != nil {
			return
		}
	}
}

// Packed is start and a gigabyte of fill, packed into a megabyte of gzip. It is
// made of many members (RFC 1952, 2.2), of which all but the first are the same:
// packing a gigabyte takes minutes under the race detector.
func Packed(start string, fill byte) []byte {
	var b bytes.Buffer
	b.Write(member([]byte(start)))
	rest := member(bytes.Repeat([]byte{fill}, 1<<20))
	for range Gigabyte >> 20 {
		b.Write(rest)
	}
	return b.Bytes()
}

func member(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Bytes()
}

var packs sync.Map // start → a gigabyte that begins with it, in gzip

func packedGigabyte(start string) []byte {
	if b, ok := packs.Load(start); ok {
		return b.([]byte)
	}
	b := Packed(start, '0')
	packs.Store(start, b)
	return b
}

// Pack makes what a packed flood needs, so that who measures a heap does not
// measure the making.
func Pack(start string) { packedGigabyte(start) }

// Peak runs f and returns how far the heap of the process grew meanwhile, in
// bytes, at most.
func Peak(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	idle, most := m.HeapAlloc, m.HeapAlloc
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	})
	f()
	close(stop)
	watch.Wait()
	return most - idle
}
