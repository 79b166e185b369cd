package secrets_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// An asked provider holds one text, and notes what it was asked for.
type asked struct{ refs []secrets.Ref }

func (a *asked) Fetch(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
	a.refs = append(a.refs, ref)
	return secrets.Value{Data: []byte("v")}, nil
}

// A backend may spell a name as it likes, and takes a reference as it stands.
func TestAProviderIsToldWhatIsAName(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		p := &asked{}
		r := spectest.On(t, p)
		require.Equal(t, "v", spectest.Get(t, r, "db/password"))
		require.Len(t, p.refs, 1)
		assert.True(t, p.refs[0].IsName())
		assert.Equal(t, "db/password", p.refs[0].Path)

		there := &asked{}
		r = spectest.Open(t, spectest.Scheme(t, p)+"://", secrets.WithReferences(map[string]string{"key": spectest.Scheme(t, there) + "://prod/key"}))
		spectest.Get(t, r, "key")
		require.Len(t, there.refs, 1)
		assert.False(t, there.refs[0].IsName())
	})(t)
}
