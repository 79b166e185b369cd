package faults_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// What a nameserver says of a host.
type answer int

const (
	unknown  answer = iota // NXDOMAIN
	loopback               // 127.0.0.1
	failing                // SERVFAIL
	silent                 // nothing
)

// A nameserver is the DNS of this process. It knows the hosts that it was told
// of.
type nameserver struct {
	mu    sync.Mutex
	hosts map[string]answer
}

// installNameserver puts a nameserver in the place of the machine's.
func installNameserver() *nameserver {
	s := &nameserver{hosts: make(map[string]answer)}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe() // as over TCP, since it is no packet connection
			go s.serve(there)
			return here, nil
		},
	}
	return s
}

func (s *nameserver) set(host string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[host+"."] = a
}

func (s *nameserver) get(fqdn string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts[strings.ToLower(fqdn)]
}

// serve answers the questions of one connection until the client ends it.
func (s *nameserver) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		reply, ok := s.reply(question)
		if !ok {
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func (s *nameserver) reply(question []byte) (reply []byte, ok bool) {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil {
		return nil, false
	}
	q, err := p.Question()
	if err != nil {
		return nil, false
	}
	a := s.get(q.Name.String())
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	switch {
	case a == silent:
		return nil, false
	case a == failing:
		m.RCode = dnsmessage.RCodeServerFailure
	case a == unknown:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	reply, err = m.Pack()
	return reply, err == nil
}
