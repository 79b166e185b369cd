package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-secrets/secrets/bench/internal/load"
)

// programRow is the row of sizes and starts.
const programRow = "Program"

// programs builds each program, stripped, and tells its size, the modules that
// it links and how long it takes to start and end.
func (m *measurement) programs() ([]string, error) {
	entries, err := os.ReadDir("programs")
	if err != nil {
		return nil, err
	}
	type program struct{ name, dir, pkg, binary string }
	var all []program
	for _, e := range entries {
		all = append(all, program{name: e.Name(), dir: ".", pkg: "./programs/" + e.Name()})
	}
	if m.options.vals {
		all = append(all, program{name: "vals", dir: "vals", pkg: "./program"})
	}
	for i := range all {
		all[i].binary = filepath.Join(m.dir, "program-"+all[i].name)
		if err := goCommand(all[i].dir, "build", "-trimpath", "-ldflags=-s -w", "-o", all[i].binary, all[i].pkg); err != nil {
			return nil, err
		}
	}
	starts := make([][]time.Duration, len(all))
	for range 21 {
		for i, p := range all {
			began := time.Now()
			if err := exec.Command(p.binary).Run(); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			starts[i] = append(starts[i], time.Since(began))
		}
	}
	var lines []string
	for i, p := range all {
		stat, err := os.Stat(p.binary)
		if err != nil {
			return nil, err
		}
		info, err := buildinfo.ReadFile(p.binary)
		if err != nil {
			return nil, err
		}
		modules := 0
		for _, d := range info.Deps {
			if !strings.HasPrefix(d.Path, "github.com/go-secrets/") {
				modules++
			}
		}
		lines = append(lines, fmt.Sprintf("Benchmark%s/peer=%s 1 %d size-B %d start-ns %d modules",
			programRow, p.name, stat.Size(), load.Median(starts[i]).Nanoseconds(), modules))
	}
	return lines, nil
}
