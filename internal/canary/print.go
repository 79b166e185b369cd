package canary

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
)

// verbs are those of fmt, and flags that change what they show.
var verbs = strings.Fields("%v %+v %#v %s %q %#q %+q %x %X %#x %d %o %b %c %U %e %g %t %p %T")

// Printed looks for the canary in what fmt, encoding/json and log/slog make of
// v. It returns a line for each finding.
func (s *Search) Printed(v any) []string {
	var found []string
	look := func(how, text string) {
		if form, ok := s.Text(text); ok {
			found = append(found, how+": "+form)
		}
	}
	for _, verb := range verbs {
		look("fmt "+verb, fmt.Sprintf(verb, v))
	}
	look("fmt.Sprint", fmt.Sprint(v))
	if err, ok := v.(error); ok {
		look("fmt %w", fmt.Errorf("around: %w", err).Error())
	}
	if data, err := json.Marshal(v); err == nil {
		look("encoding/json", string(data))
	} else {
		look("encoding/json's error", err.Error())
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Log(context.Background(), slog.LevelInfo, "m", "v", v)
	look("slog text", b.String())
	b.Reset()
	slog.New(slog.NewJSONHandler(&b, nil)).Log(context.Background(), slog.LevelInfo, "m", "v", v)
	look("slog JSON", b.String())
	return found
}

// Error looks for the canary in an error: as it is printed, and in all that it
// reaches. It returns a line for each finding, none for a nil error.
func (s *Search) Error(err error) []string {
	if err == nil {
		return nil
	}
	found := append(s.Printed(err), s.Walk(err)...)
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		found = append(found, s.Printed(inner)...)
	}
	return found
}

// CaptureLogs sends what log and slog's default loggers write to the text
// that it returns, at every level, until cleanup runs, which it hands over to
// the testing.TB (or what is like one). The loggers are the process's: no test
// that uses them may run in parallel.
func CaptureLogs(tb interface{ Cleanup(func()) }) (text func() string) {
	var logs safeBuffer
	oldSlog, oldWriter, oldFlags, oldPrefix := slog.Default(), log.Writer(), log.Flags(), log.Prefix()
	tb.Cleanup(func() {
		slog.SetDefault(oldSlog)
		// SetDefault has log write to slog, and does not undo it.
		log.SetOutput(oldWriter)
		log.SetFlags(oldFlags)
		log.SetPrefix(oldPrefix)
	})
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{AddSource: true, Level: slog.Level(-100)})))
	return logs.String
}

// safeBuffer is a buffer that goroutines may write to while it is read.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
