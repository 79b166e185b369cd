package awstest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/figures"
)

// Reads are the calls of a backend that Flooded measures, by name. Each has the
// provider of a URI with these options, whose service answers with a flood.
type Reads map[string]func(ctx context.Context, options map[string]string) error

// Flooded measures all kinds of calls, and of logins, against all kinds of
// answers without measure. login is the call that needs credentials first. The
// heap is that of the process, so nothing runs beside it.
func Flooded(t *testing.T, login string, reads Reads) {
	const start = `{"__type":"`
	answers.Pack(start)
	for _, flood := range answers.Floods {
		statuses := []int{200}
		if flood.Packed {
			statuses = []int{200, 400, 404, 500}
		}
		for _, status := range statuses {
			url := Serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				flood.Write(w, r, status, start)
			}))
			measure := func(call string, read func(context.Context, map[string]string) error, options map[string]string) {
				patience := 5 * time.Second
				if flood.Drops {
					patience = 300 * time.Millisecond
				}
				all := map[string]string{"endpoint": url}
				maps.Copy(all, options)
				var err error
				began := time.Now()
				most := answers.Peak(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					err = read(ctx, all)
				})
				took := time.Since(began)
				require.Error(t, err, "%s, status %d, %s", flood.Name, status, call)
				answers.Check(t, err)
				told := errors.Is(err, secrets.ErrUnavailable) || status < 500 && errors.Is(err, secrets.ErrUnauthenticated) // a login that is refused
				assert.True(t, told, "%s, status %d, %s: %v", flood.Name, status, call, err)
				assert.NotContains(t, err.Error(), "status 200", "it is not the status that is wrong")
				assert.Less(t, most, uint64(canary.HeapRoom), "%s, status %d, %s", flood.Name, status, call)
				assert.Less(t, took, patience+5*time.Second, "%s, status %d, %s", flood.Name, status, call)
				if status == 200 {
					figures.Tell(t, "%s, %s: %.1f MiB over idle after %v: %s", call, flood.Name, float64(most)/(1<<20), took.Round(time.Millisecond), firstWords(err))
				}
			}
			for call, read := range reads {
				Environment(t, Keys...)
				measure(call, read, nil)
			}
			for name, l := range Logins {
				l.Set(t, url)
				measure("a login: "+name, reads[login], l.Options)
			}
		}
	}
}

func firstWords(err error) string {
	words := strings.Fields(err.Error())
	return strings.Join(words[:min(len(words), 14)], " ")
}
