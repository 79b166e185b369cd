package outage

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// A panicky provider panics by itself or has the runtime do it.
type panicky func()

func (p panicky) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	p()
	return secrets.Value{}, nil
}

func panicsItself() { panic("hunter2") }

func panicsInTheRuntime() {
	var none []string
	none[len(os.Args)] = "hunter2"
}

func faults() {
	var none *secrets.Status
	none.Version = "hunter2"
}

func TestAPanicIsToldWithItsPlaceAndWithoutItsValue(t *testing.T) {
	for what, p := range map[string]panicky{"panicsItself": panicsItself, "panicsInTheRuntime": panicsInTheRuntime, "faults": faults} {
		t.Run(what, spectest.Bubble(func(t *testing.T) {
			_, err := spectest.On(t, p).Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.Regexp(t, `outage\.`+what+`:\d+`, err.Error())
			assert.NotContains(t, err.Error(), "hunter2")
		}))
	}
}
