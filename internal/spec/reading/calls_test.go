package reading

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestHowAProviderIsAsked(t *testing.T) {
	docs := map[string]string{}
	for _, name := range spectest.Numbered("s", 20) {
		docs[name] = "v"
	}
	t.Run("for one document, by a read and not by a batch, which may need a permission of its own", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		spectest.Get(t, r, "s0")
		require.NoError(t, r.Preload(t.Context(), "s1"))
		assert.Zero(t, p.Calls().Batches)
	}))
	t.Run("for what its batch does not take, eight at a time", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		p.Disable(secretstest.Batch)
		for name := range docs {
			p.Delay(name, 100*time.Millisecond)
		}
		start := time.Now()
		require.NoError(t, r.Preload(t.Context(), spectest.Numbered("s", 20)...))
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
	}))
	t.Run("for batches again ten minutes after it had none", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs, secrets.WithNegativeTTL(time.Second))
		p.Disable(secretstest.Batch)
		both := func(prefix string) { _ = r.Preload(t.Context(), prefix+"0", prefix+"1") }
		both("a")
		p.Enable(secretstest.Batch)
		time.Sleep(9*time.Minute + 59*time.Second)
		both("b")
		assert.Zero(t, p.Calls().Batches)
		time.Sleep(2 * time.Second)
		both("c")
		assert.Equal(t, 1, p.Calls().Batches)
	}))
	t.Run("for refreshes by eight calls at a time, and then for the rest", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		p.Disable(secretstest.Batch)
		names := spectest.Numbered("s", 20)
		spectest.KeepUsing(t, r, names...)
		time.Sleep(time.Second)
		for _, name := range names {
			defer p.Block(name)()
		}
		before := p.Calls().Reads
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.LessOrEqual(t, p.Calls().Reads-before, 8*(1+120/10), "a read that hangs is given up after ten seconds")
	}))
}

// fieldsOf returns n names of fields of db, and that document.
func fieldsOf(n int) (names []string, document string) {
	document = "{"
	for i := range n {
		names = append(names, fmt.Sprint("db/f", i))
		document += fmt.Sprintf(`"f%d":"v%d",`, i, i)
	}
	return names, document[:len(document)-1] + "}"
}

func TestRefreshThatLooksForManyExactDocumentsReadsEightAtATime(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		names, document := fieldsOf(30)
		p := spectest.NewPolled(map[string]string{"db": document})
		r := spectest.On(t, spectest.Singly(p), secrets.WithTTL(time.Minute))
		for _, name := range names {
			spectest.Get(t, r, name)
		}
		spectest.KeepUsing(t, r, names...)
		p.ResetCalls()
		p.Delay(secretstest.All, 100*time.Millisecond)
		time.Sleep(11 * time.Minute)
		assert.Equal(t, 1, p.Reads(names[0]), "ten TTLs have passed")
		assert.Equal(t, 8, p.Calls().MaxInFlight)
	})(t)
}
