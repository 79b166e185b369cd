package secrets_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// What a wrapper around Chain gets from each of its methods.
func TestAChainAnswersAsOneProvider(t *testing.T) {
	refs := func(paths ...string) (all []secrets.Ref) {
		for _, path := range paths {
			all = append(all, secrets.Ref{Path: path})
		}
		return all
	}
	t.Run("without members it has no document", func(t *testing.T) {
		empty := wrapped()
		_, err := empty.Fetch(t.Context(), secrets.Ref{Path: "a"})
		assert.ErrorIs(t, err, secrets.ErrNotFound)
		for _, res := range empty.FetchBatch(t.Context(), refs("a", "b")) {
			assert.ErrorIs(t, res.Err, secrets.ErrNotFound)
		}
	})
	t.Run("a value without a lease stays without one", func(t *testing.T) {
		leaser := spectest.NewPolled(map[string]string{"a": "1"})
		for _, member := range []secrets.Provider{leaser, spectest.Singly(leaser)} {
			w := wrapped(member)
			v, err := w.Fetch(t.Context(), secrets.Ref{Path: "a"})
			require.NoError(t, err)
			assert.Nil(t, v.Lease)
			for _, res := range w.FetchBatch(t.Context(), refs("a", "a")) {
				assert.Nil(t, res.Value.Lease)
			}
		}
	})
	t.Run("a lease of a member that cannot renew it is nobody's", func(t *testing.T) {
		p := spectest.NewPolled(nil)
		p.SetValue("a", secrets.Value{Data: []byte("1"), Lease: "of another"})
		w := wrapped(spectest.Singly(p))
		v, err := w.Fetch(t.Context(), secrets.Ref{Path: "a"})
		require.NoError(t, err)
		_, err = w.Renew(t.Context(), v)
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	})
	t.Run("the last document that is missing is asked of the next member, too", func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "2"})
		results := wrapped(one, two).FetchBatch(t.Context(), refs("a", "b"))
		require.NoError(t, results[1].Err)
		assert.Equal(t, "2", string(results[1].Value.Data))
		assert.Zero(t, two.Calls().Batches, "a single document needs no batch")
	})
	t.Run("two documents are one batch", func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"a": "1", "b": "2"})
		wrapped(p).FetchBatch(t.Context(), refs("a", "b"))
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Zero(t, p.Calls().Fetches)
	})
	t.Run("that a member has no lists is told as what it is", func(t *testing.T) {
		_, err := spectest.Listed(wrapped(spectest.Singly(spectest.NewPolled(nil))).List(t.Context(), ""))
		assert.ErrorIs(t, err, errors.ErrUnsupported)
		assert.ErrorContains(t, err, "member 1")
	})
	t.Run("it watches if one member does, and a member whose watch fails is told", func(t *testing.T) {
		cannot, can, fails := spectest.NewPolled(nil), secretstest.NewProvider(nil), secretstest.NewProvider(nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		assert.NoError(t, wrapped(cannot, can, spectest.Singly(cannot)).Watch(ctx, secrets.Ref{Path: "a"}, func() {}))
		done, end := context.WithCancel(t.Context())
		end()
		fails.Delay(secretstest.All, time.Hour)
		err := wrapped(cannot, fails).Watch(done, secrets.Ref{Path: "a"}, func() {})
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "member 2")
	})
}
