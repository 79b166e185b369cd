package secrets_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

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
	in(func(t *testing.T) {
		names, document := fieldsOf(30)
		p := quiet(map[string]string{"db": document})
		r := on(t, singly(p), secrets.WithTTL(time.Minute))
		for _, name := range names {
			value(t, r, name)
		}
		keepUsing(t, r, names...)
		p.ResetCalls()
		p.Delay(secretstest.All, 100*time.Millisecond)
		time.Sleep(11 * time.Minute)
		assert.Equal(t, 1, p.Reads(names[0]), "ten TTLs have passed")
		assert.Equal(t, 8, p.Calls().MaxInFlight)
	})(t)
}

func TestListWhoseProviderIsOpenedTooLateForCloseIsClosed(t *testing.T) {
	in(func(t *testing.T) {
		p := quiet(map[string]string{"db": "one"})
		_, name := opener(t, func() (secrets.Provider, error) {
			time.Sleep(time.Second)
			return p, nil
		})
		r := open(t, name+"://")
		said := make(chan error)
		go func() {
			_, err := list(r.List(context.WithoutCancel(t.Context()), ""))
			said <- err
		}()
		synctest.Wait()
		require.NoError(t, r.Close())
		assert.ErrorIs(t, <-said, secrets.ErrClosed)
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Closes)
	})(t)
}
