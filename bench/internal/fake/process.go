package fake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// marker in the environment makes this program the backend.
const marker = "BENCH_FAKE_BACKEND"

// Main is the first thing that a main function or TestMain calls: in the
// process that Start has started it serves until its standard input ends, and
// then exits. Everywhere else it returns at once.
func Main() {
	if os.Getenv(marker) == "" {
		return
	}
	if err := main(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// places are where a backend answers, as its process prints them.
type places struct {
	AWS   string `json:"aws"` // and Vault
	GCP   string `json:"gcp"`
	Admin string `json:"admin"`
}

func main() error {
	s, err := newServer()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		var to Settings
		err := json.NewDecoder(r.Body).Decode(&to)
		if err == nil {
			err = s.set(to)
		}
		answer(w, err)
	})
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { s.reset() })
	mux.HandleFunc("POST /drop", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.drop()) })
	mux.HandleFunc("POST /stats", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s.count()) })
	go func() { _ = http.Serve(l, mux) }()
	if err := json.NewEncoder(os.Stdout).Encode(places{AWS: "http://" + s.addr, GCP: s.gcp.Addr(), Admin: "http://" + l.Addr().String()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until the parent ends
	return err
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// A Backend is a server in another process, seen from this one.
type Backend struct {
	AWS string // URL of Secrets Manager, Parameter Store and Vault
	GCP string // host:port

	admin string
	now   Settings
	stdin io.Closer
	cmd   *exec.Cmd
}

// Start starts a backend: this program once more.
func Start() (*Backend, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), marker+"=1", "GOMAXPROCS=2")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var at places
	if err := json.NewDecoder(stdout).Decode(&at); err != nil {
		_ = stdin.Close()
		return nil, errors.Join(fmt.Errorf("the backend did not start: %w", err), cmd.Wait())
	}
	return &Backend{AWS: at.AWS, GCP: at.GCP, admin: at.Admin, now: Settings{Mode: OK}, stdin: stdin, cmd: cmd}, nil
}

// Close ends the backend's process and waits for it.
func (b *Backend) Close() error {
	return errors.Join(b.stdin.Close(), b.cmd.Wait())
}

// Latency sets how long each call takes.
func (b *Backend) Latency(d time.Duration) error {
	b.now.Latency = d
	return b.post("set", b.now, nil)
}

// Mode sets how the server behaves.
func (b *Backend) Mode(m Mode) error {
	b.now.Mode = m
	return b.post("set", b.now, nil)
}

// Rotate gives every secret its next version, and returns its generation.
func (b *Backend) Rotate() (int, error) {
	b.now.Generation++
	return b.now.Generation, b.post("set", b.now, nil)
}

// Drop closes every connection of AWS's and Vault's clients.
func (b *Backend) Drop() error { return b.post("drop", nil, nil) }

// Reset forgets the counts.
func (b *Backend) Reset() error { return b.post("reset", nil, nil) }

// Stats returns the counts.
func (b *Backend) Stats() (s Stats, err error) {
	err = b.post("stats", nil, &s)
	return s, err
}

// admin has connections of its own, which are closed after each request, so
// that none of its goroutines are counted.
var admin = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func (b *Backend) post(path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := admin.Post(b.admin+"/"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("the backend refused %s: %s", path, text)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
