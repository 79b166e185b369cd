package secrets_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
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
