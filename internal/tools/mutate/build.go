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

// A binary is a package's tests, compiled with all mutants in it.
type binary struct {
	dir   string // of the package
	tmp   string
	path  string
	tests []*test
}

// A test is a test, an example or the seeds of a fuzz target.
type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool
}

// build compiles the tests of a program.
func build(dir string, p *program) (*binary, error) {
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	b := &binary{dir: dir, tmp: tmp, path: filepath.Join(tmp, "tests")}
	if err := b.compile(p); err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

func (b *binary) compile(p *program) error {
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, source := range p.files {
		file := filepath.Join(b.tmp, filepath.Base(path))
		if err := os.WriteFile(file, source, 0o600); err != nil {
			return err
		}
		overlay.Replace[path] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	file := filepath.Join(b.tmp, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", b.path, ".")
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the mutants do not compile: %w\n%s", err, out)
	}
	return nil
}

func (b *binary) remove() { _ = os.RemoveAll(b.tmp) }

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
func (b *binary) survey(skip string) error {
	left, err := regexp.Compile(skip)
	if err != nil {
		return err
	}
	out, passed, err := b.run(nil, "-test.list=.")
	if err != nil || !passed {
		return errors.Join(err, fmt.Errorf("the tests cannot be listed: %s", out))
	}
	for name := range strings.FieldsSeq(out) {
		if !isTest.MatchString(name) || skip != "" && left.MatchString(name) {
			continue
		}
		file := filepath.Join(b.tmp, "reached")
		_ = os.Remove(file)
		t := &test{name: name, reaches: make(map[int]bool)}
		start := time.Now()
		out, passed, err := b.run([]string{"MUTATE_REACHED=" + file}, "-test.run=^"+name+"$", "-test.timeout=5m")
		if err != nil {
			return err
		}
		if !passed {
			return fmt.Errorf("%s fails without a mutant:\n%s", name, out)
		}
		t.took = time.Since(start)
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			id, err := strconv.Atoi(lines.Text())
			if err != nil {
				return err
			}
			t.reaches[id] = true
		}
		if len(t.reaches) > 0 {
			b.tests = append(b.tests, t)
		}
	}
	slices.SortStableFunc(b.tests, func(a, b *test) int { return cmp.Compare(a.took, b.took) })
	return nil
}

// tryAll tries mutants, some at the same time, and tells of each as soon as it
// is known which test noticed it.
func (b *binary) tryAll(mutants []*mutant, workers int, timeout time.Duration, tell func(m *mutant, killer string)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(workers)
	for _, m := range mutants {
		group.Go(func() error {
			if ctx.Err() != nil { // another could not be tried: its error ends it all
				return nil
			}
			killer, err := b.try(m, timeout)
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
func (b *binary) try(m *mutant, timeout time.Duration) (killer string, err error) {
	var groups [][]string
	for _, t := range b.tests {
		switch {
		case !t.reaches[m.id]:
		case t.took >= slow || len(groups) == 0:
			groups = append(groups, []string{t.name})
		default:
			groups[len(groups)-1] = append(groups[len(groups)-1], t.name)
		}
	}
	for _, group := range groups {
		out, passed, err := b.run([]string{"MUTATE_ID=" + strconv.Itoa(m.id)},
			"-test.run=^("+strings.Join(group, "|")+")$", "-test.failfast", "-test.timeout="+timeout.String())
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
		return "what stops the program (" + group[0] + " …)", nil
	}
	return "", nil
}
