package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A suite is all tests of a program.
type suite struct {
	tmp      string
	binaries []*binary
	tests    []*test
}

// A binary is a package's tests, compiled with all mutants in it.
type binary struct {
	dir  string // of the package
	path string
}

// A test is a test, an example or the seeds of a fuzz target.
type test struct {
	of      *binary
	name    string
	took    time.Duration
	reaches map[int]bool
}

// build compiles the tests of a program: those in dir, and those of others.
func build(dir string, others []string, p *program) (*suite, error) {
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	s := &suite{tmp: tmp}
	if err := s.compile(dir, others, p); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *suite) compile(dir string, others []string, p *program) error {
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, source := range p.files {
		file := filepath.Join(s.tmp, filepath.Base(path))
		if err := os.WriteFile(file, source, 0o600); err != nil {
			return err
		}
		overlay.Replace[path] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	file := filepath.Join(s.tmp, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	list := exec.Command("go", append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}", "."}, others...)...)
	list.Dir = dir
	list.Stderr = os.Stderr
	dirs, err := list.Output()
	if err != nil {
		return err
	}
	for i, dir := range strings.Split(strings.TrimSpace(string(dirs)), "\n") {
		b := &binary{dir: dir, path: filepath.Join(s.tmp, fmt.Sprint("tests", i))}
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", b.path, ".")
		cmd.Dir = b.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the mutants do not compile: %w\n%s", err, out)
		}
		s.binaries = append(s.binaries, b)
	}
	return nil
}

func (s *suite) remove() { _ = os.RemoveAll(s.tmp) }

// memory is what a mutant may take, in KiB: one that appends for ever ends
// before the machine does.
const memory = 8 << 20

// run runs tests. It returns what they printed, and whether they passed.
func (b *binary) run(env []string, args ...string) (out string, passed bool, err error) {
	script := fmt.Sprintf(`ulimit -v %d 2>/dev/null; exec "$0" "$@"`, memory)
	cmd := exec.Command("sh", append([]string{"-c", script, b.path}, args...)...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", false, err
	}
	return string(text), err == nil, nil
}

var isTest = regexp.MustCompile(`^(Test|Example|Fuzz)`)

// survey runs each test by itself, without a mutant, to see how long it takes
// and which mutants it reaches. One that fails ends it all: what a mutant does
// to it would say nothing.
func (s *suite) survey(skip string) error {
	left, err := regexp.Compile(skip)
	if err != nil {
		return err
	}
	for _, b := range s.binaries {
		out, passed, err := b.run(nil, "-test.list=.")
		if err != nil || !passed {
			return errors.Join(err, fmt.Errorf("the tests cannot be listed: %s", out))
		}
		for name := range strings.FieldsSeq(out) {
			if !isTest.MatchString(name) || skip != "" && left.MatchString(name) {
				continue
			}
			t, err := b.look(name, filepath.Join(s.tmp, "reached"))
			if err != nil {
				return err
			}
			if len(t.reaches) > 0 {
				s.tests = append(s.tests, t)
			}
		}
	}
	slices.SortStableFunc(s.tests, func(a, b *test) int { return cmp.Compare(a.took, b.took) })
	return nil
}

// look runs a test without a mutant, which notes in a file what it reaches.
func (b *binary) look(name, file string) (*test, error) {
	_ = os.Remove(file)
	t := &test{of: b, name: name, reaches: make(map[int]bool)}
	start := time.Now()
	out, passed, err := b.run([]string{"MUTATE_REACHED=" + file}, "-test.run=^"+name+"$", "-test.timeout=5m")
	if err != nil {
		return nil, err
	}
	if !passed {
		return nil, fmt.Errorf("%s fails without a mutant:\n%s", name, out)
	}
	t.took = time.Since(start)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		id, err := strconv.Atoi(lines.Text())
		if err != nil {
			return nil, err
		}
		t.reaches[id] = true
	}
	return t, nil
}

// tryAll tries mutants, some at the same time, and tells of each as soon as it
// is known which test noticed it.
func (s *suite) tryAll(mutants []*mutant, workers int, timeout time.Duration, tell func(m *mutant, killer string)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(workers)
	for _, m := range mutants {
		group.Go(func() error {
			if ctx.Err() != nil { // another could not be tried: its error ends it all
				return nil
			}
			killer, err := s.try(m, timeout)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			tell(m, killer)
			return nil
		})
	}
	return group.Wait()
}

// slow is from when on a test runs by itself, after the others.
const slow = 250 * time.Millisecond

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// try runs the tests that reach a mutant with it in force, and returns the one
// that noticed, or "".
func (s *suite) try(m *mutant, timeout time.Duration) (killer string, err error) {
	for _, group := range s.groups(m) {
		var names []string
		for _, t := range group {
			names = append(names, t.name)
		}
		out, passed, err := group[0].of.run([]string{"MUTATE_ID=" + strconv.Itoa(m.id)},
			"-test.run=^("+strings.Join(names, "|")+")$", "-test.failfast", "-test.timeout="+timeout.String())
		if err != nil {
			return "", err
		}
		if passed {
			continue
		}
		// The last line told is the innermost subtest.
		if found := failure.FindAllStringSubmatch(out, -1); len(found) > 0 {
			return found[len(found)-1][1], nil
		}
		return "what stops the program (" + names[0] + " …)", nil
	}
	return "", nil
}

// groups are the tests that reach a mutant, as they run: the quick ones of a
// binary at once, and then each slow one by itself.
func (s *suite) groups(m *mutant) (groups [][]*test) {
	quick := make(map[*binary]int)
	for _, t := range s.tests {
		i, known := quick[t.of]
		switch {
		case !t.reaches[m.id]:
		case known && t.took < slow:
			groups[i] = append(groups[i], t)
		default:
			if t.took < slow {
				quick[t.of] = len(groups)
			}
			groups = append(groups, []*test{t})
		}
	}
	return groups
}
