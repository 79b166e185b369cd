package faults_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/canary"
)

const (
	// blip is how long a source is throttled, down or late.
	blip = time.Second
	// delay is how long a slow source takes for each answer.
	delay = 2500 * time.Millisecond
	// startsWithin is what a start may take beyond the time that the trouble takes:
	// what the tries are apart then, and a busy machine.
	startsWithin = 5 * time.Second
	// atMost requests are made by a start that survives, and by a read that
	// fails: tries are spaced.
	atMost = 25
)

// A mishap is a trouble of a source, and what a program meets in it.
type mishap struct {
	name    string
	trouble trouble
	timeout time.Duration // of a read that fails
	class   error
	tells   []string // the text does, one of them
}

var mishaps = []mishap{
	{"throttled", throttled, 1500 * time.Millisecond, secrets.ErrThrottled, []string{"Throttling", "TooManyRequests", "429", "rate limit"}},
	{"down", unavailable, 1500 * time.Millisecond, secrets.ErrUnavailable, []string{"503", "ServiceUnavailable"}},
	{"slow", slow, time.Second, secrets.ErrUnavailable, []string{"in time", "has not answered", "gave no answer", "does not answer", "still under way"}},
	{"late", late, 1500 * time.Millisecond, secrets.ErrUnavailable, []string{"refused"}},
}

// TestCredentialSources goes through what gives credentials × what is wrong
// with it.
func TestCredentialSources(t *testing.T) {
	for _, s := range sources {
		t.Run(s.name, func(t *testing.T) {
			if !own {
				t.Parallel()
			}
			for _, m := range mishaps {
				t.Run(m.name+" does not end a start, and is told by a read that fails", func(t *testing.T) {
					alone(t, func(t *testing.T) {
						s.start(t, m)
						s.fails(t, m)
					})
				})
			}
			t.Run("refusing is told at once, and another credential is used", func(t *testing.T) {
				alone(t, s.refuses)
			})
		})
	}
}

// front puts the source behind a trouble.
func (s source) front(t *testing.T, is trouble) *front {
	return &front{says: s.says, delay: delay, affects: s.affects, next: s.answers(t), trouble: is}
}

// program opens a resolver as a program does, with the source at url.
func (s source) program(t *testing.T, uri string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(t.Context(), uri, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// start starts a program in a blip.
func (s source) start(t *testing.T, m mishap) {
	f := s.front(t, m.trouble)
	least := blip / 2
	if m.trouble == slow {
		least = delay * time.Duration(max(s.steps, 1))
	} else {
		f.lasts = blip
	}
	r := s.program(t, s.login(t, f.start(t)))
	begun := time.Now()
	got, err := r.Get(t.Context(), "db")
	took := time.Since(begun)
	require.NoError(t, err, "after %v and %d requests", took, f.asked())
	assert.True(t, got.Reveal() == here.Value, "the value is what was put")
	assert.GreaterOrEqual(t, took, least, "it came through the trouble")
	assert.Less(t, took, max(least, blip)+startsWithin)
	assert.LessOrEqual(t, f.asked(), atMost)
	t.Logf("a start: %v, %d requests", took.Round(10*time.Millisecond), f.asked())
}

// fails has a read fail in a trouble that lasts for longer, and mends it then.
func (s source) fails(t *testing.T, m mishap) {
	class, timeout, tells := m.class, m.timeout, m.tells
	if m.trouble == late && s.absent > 0 {
		class, timeout, tells = secrets.ErrUnauthenticated, s.absent+3*time.Second, []string{"unreachable"}
	}
	f := s.front(t, m.trouble)
	r := s.program(t, s.login(t, f.start(t)), secrets.WithTimeout(timeout))
	begun := time.Now()
	_, err := r.Get(t.Context(), "db")
	took := time.Since(begun)
	s.judge(t, err, class)
	for _, texts := range [][]string{s.names, tells} {
		told := slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
		assert.True(t, told, "the error tells one of %q: %v", texts, err)
	}
	assert.NotContains(t, err.Error(), "proxy or captive portal", "it is the source")
	if class == secrets.ErrUnauthenticated {
		timeout = s.absent
	}
	assert.Less(t, took, timeout+grace)
	assert.LessOrEqual(t, f.asked(), atMost)
	t.Logf("failed after %v and %d requests: %v", took.Round(time.Millisecond), f.asked(), err)
	s.recovers(t, r, f)
}

// refuses has the source not accept the credentials, and accept them then.
func (s source) refuses(t *testing.T) {
	f := s.front(t, refused)
	uri := s.login(t, f.start(t))
	if s.secret != nil {
		awstest.Write(t, credential(), "wrong-"+canary.New())
	}
	r := s.program(t, uri)
	begun := time.Now()
	_, err := r.Get(t.Context(), "db")
	took := time.Since(begun)
	s.judge(t, err, secrets.ErrUnauthenticated, s.mends...)
	assert.Less(t, took, 2*time.Second, "who is refused is told at once")
	asked := f.asked()
	t.Logf("failed after %v and %d requests: %v", took.Round(time.Millisecond), asked, err)
	for range 50 { // is remembered
		_, err = r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	}
	assert.LessOrEqual(t, f.asked(), 2*asked)
	if s.secret != nil {
		deliver(t, s.secret())
	}
	s.recovers(t, r, f)
}

// recovers mends what is wrong, and waits for the secret.
func (s source) recovers(t *testing.T, r *secrets.Resolver, f *front) {
	f.mend(t)
	mended := time.Now()
	for {
		got, err := r.Get(t.Context(), "db")
		if err == nil {
			assert.True(t, got.Reveal() == here.Value, "the value is what was put")
			break
		}
		require.Less(t, time.Since(mended), coldRecovers, "it recovers: %v", err)
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("recovered %v after the end", time.Since(mended).Round(time.Millisecond))
}

// judge judges an error of a credential source.
func (s source) judge(t *testing.T, err error, class error, says ...string) {
	t.Helper()
	require.Error(t, err)
	for _, other := range classes {
		assert.Equal(t, other == class, errors.Is(err, other), "%v in %v", other, err)
	}
	for _, text := range says {
		assert.ErrorContains(t, err, text)
	}
	assert.NotContains(t, err.Error(), "\n")
	hidden := []string{here.Value, here.Token}
	if text, readErr := os.ReadFile(credential()); readErr == nil {
		hidden = append(hidden, string(text))
	}
	for _, text := range hidden {
		assert.Empty(t, canary.For(text).Error(err), "a value or a credential is in an error")
	}
}
