// Package moto starts moto_server, an emulator of AWS in Python, for tests
// and examples: https://docs.getmoto.org/en/latest/docs/server_mode.html.
package moto

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A Server is a running emulator. It checks no credentials and forgets
// everything when it stops.
type Server struct {
	URL string
	cmd *exec.Cmd
}

// Start starts moto_server on a free port of the loopback interface and
// returns once it listens.
func Start() (*Server, error) {
	cmd := exec.Command("moto_server", "-H", "127.0.0.1", "-p", "0")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") // the emulator's own SDK would take them to heart
	}), "PYTHONUNBUFFERED=1")
	output, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("moto_server does not start (pip install 'moto[server]'): %w", err)
	}
	s := &Server{cmd: cmd}
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if _, after, ok := strings.Cut(lines.Text(), "Running on "); ok {
				url <- strings.TrimSpace(after)
				break
			}
		}
		close(url)
		_, _ = io.Copy(io.Discard, output) // or it would block on its own log
	}()
	select {
	case s.URL = <-url:
	case <-time.After(time.Minute):
	}
	if s.URL == "" {
		s.Stop()
		return nil, fmt.Errorf("moto_server has not said where it listens")
	}
	return s, nil
}

// Stop ends the server, by its process id, and waits for its end.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}
