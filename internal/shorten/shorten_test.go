package shorten_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/shorten"
)

func TestWhatIsShownIsBoundedAndCutsNoCharacter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 200)
	for in, head := range map[string]string{
		"":                                       "",
		"db/password":                            "db/password",
		long:                                     long,
		long + "n":                               long,
		long[:199] + "é":                         long[:199],
		long[:197] + "€€":                        long[:197] + "€",
		long[:198] + "\U0001F511":                long[:198],
		strings.Repeat("é", 100):                 strings.Repeat("é", 100),
		long[:150] + strings.Repeat("\x80", 100): long[:150] + strings.Repeat("\x80", 46),
	} {
		assert.Equal(t, head, shorten.Head(in), "%q", in)
		quoted := strconv.Quote(in)
		if len(in) > 200 {
			quoted = strconv.Quote(head + "…")
		}
		assert.Equal(t, quoted, shorten.Quote(in))
	}
	assert.Equal(t, `"a\n\"b\x00"`, shorten.Quote("a\n\"b\x00"))
}
