package secrets_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// largeDocument is an object of some 512 KiB.
func largeDocument(version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"a":"%d"`, version)
	for i := 0; b.Len() < 512<<10; i++ {
		fmt.Fprintf(&b, `,"key%d":"value-%d"`, i, i)
	}
	b.WriteString("}")
	return b.String()
}

func TestALargeDocumentOfWhichAFieldIsHeldIsParsedWithoutTheLock(t *testing.T) {
	t.Parallel()
	text := largeDocument(1)
	r := spectest.On(t, spectest.NewPolled(map[string]string{"doc": text, "all": text}))
	for name, ahead := range map[string]bool{"doc#a": true, "all": false} {
		_, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, ahead, r.ParsedAhead(name, []byte(text)), "%s, large", name)
		assert.False(t, r.ParsedAhead(name, []byte(`{"a":"x"}`)), "%s, small", name)
	}
	r = spectest.On(t, spectest.NewPolled(map[string]string{"db": text}))
	_, err := r.Get(t.Context(), "db/a")
	require.NoError(t, err)
	assert.True(t, r.ParsedAhead("db/a", []byte(text)), "the field of a parent")
}

func BenchmarkHostileDocument(b *testing.B) {
	p := spectest.NewPolled(map[string]string{"doc": largeDocument(0)})
	r := spectest.On(b, p)
	_, err := r.Get(b.Context(), "doc#a")
	require.NoError(b, err)
	var most, rounds atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Microsecond):
				most.Store(max(most.Load(), int64(r.WaitForLock())))
				rounds.Add(1)
			}
		}
	}()
	var waits []int64
	for i := 1; b.Loop(); i++ {
		p.Set("doc", largeDocument(i))
		most.Store(0)
		_, err := r.Refresh(b.Context(), "doc#a")
		require.NoError(b, err)
		for seen := rounds.Load(); rounds.Load() < seen+2; { // who waited has told
			runtime.Gosched()
		}
		waits = append(waits, most.Load())
	}
	close(stop)
	<-stopped
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2])/1e6, "ms-locked/median")
}
