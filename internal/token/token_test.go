package token_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/token"
)

func TestTokensAreKnownByHowTheyBegin(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"hvs.CAESIJmL0m", "hvb.AAAAAQ", "s.Ga5jyNq6kNfRMVQk2LY1j9iu", "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"} {
		assert.True(t, token.Like(text), text)
	}
	for _, text := range []string{"", "h", "s", "s.yaml", "hvs", "secrets", "s3-bucket-with-a-long-name", "ghp_short", "ASIA-PACIFIC-secrets", "hello.world.and.all.others"} {
		assert.False(t, token.Like(text), text)
	}
}
