package rotation

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// What leaves fn or rejected in another way than by returning holds nobody up.
func TestRetryWhoseFunctionsDoNotReturn(t *testing.T) {
	leaves := map[string]func(){
		"a panic":               func() { panic("boom") },
		"a panic with an error": func() { panic(errBoom) },
		"Goexit":                runtime.Goexit,
	}
	for what, leave := range leaves {
		for where, rejected := range map[string]func(error) bool{
			"fn":       isWrongPassword,
			"rejected": func(error) bool { leave(); return false },
		} {
			fn := func(context.Context, secrets.Secret) error {
				if where == "fn" {
					leave()
				}
				return errWrongPassword
			}
			leaveOnce := func(t *testing.T, r *secrets.Resolver) {
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					defer func() { _ = recover() }()
					_ = r.Retry(t.Context(), "db", rejected, fn)
				}()
				<-gone
			}

			t.Run("because of "+what+" in "+where+" gives its turn back", spectest.Bubble(func(t *testing.T) {
				r, _ := wrong(t)
				time.Sleep(5 * time.Second)
				leaveOnce(t, r)
				start := time.Now()
				require.NoError(t, retry(t, r, accept))
				assert.Equal(t, time.Second, time.Since(start))
			}))

			t.Run("because of "+what+" in "+where+" rejects nothing", spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
				leaveOnce(t, r)
				start := time.Now()
				require.NoError(t, retry(t, r, accept))
				assert.Zero(t, time.Since(start))
				assert.Equal(t, 1, p.Reads("db"))
			}))
		}
	}
}

func TestTheLogOfARejection(t *testing.T) {
	logged := func(t *testing.T, document string, why error) string {
		var log bytes.Buffer
		r, _ := spectest.Polled(t, map[string]string{"db": document}, spectest.Rarely(), secrets.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		require.Error(t, r.Retry(t.Context(), "db", func(error) bool { return true }, func(context.Context, secrets.Secret) error { return why }))
		require.NoError(t, r.Close())
		return log.String()
	}

	t.Run("tells the reason, once", spectest.Bubble(func(t *testing.T) {
		text := logged(t, "one", errors.New("28P01: password authentication failed for user app"))
		assert.Contains(t, text, `error="28P01: password authentication failed for user app"`)
		assert.Equal(t, 1, bytes.Count([]byte(text), []byte("28P01")))
	}))

	t.Run("tells the reason also where it names the user of a database's document", spectest.Bubble(func(t *testing.T) {
		text := logged(t, `{"username":"app","password":"c4n4ry-of-the-log"}`, errors.New("authentication failed for user app"))
		assert.Contains(t, text, "authentication failed for user app")
	}))

	for what, document := range map[string]string{"the value": "%", "a field of the document": `{"username":"app","key":"%"}`} {
		t.Run("withholds a reason that quotes "+what, spectest.Bubble(func(t *testing.T) {
			canary := "c4n4ry-of-the-log"
			text := logged(t, string(bytes.ReplaceAll([]byte(document), []byte("%"), []byte(canary))), errors.New("refused: "+canary+" is wrong"))
			assert.NotContains(t, text, canary)
			assert.Contains(t, text, "withheld")
		}))
	}
}
