package startover_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/startover"
)

// A read is a number with what tells it apart, and how often the numbers have
// started over by then.
type read struct {
	number int64
	id     string
	times  int
}

func TestANumberThatComesBackAsAnotherVersionHasStartedOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rises bool
		reads []read
	}{
		"a secret that lives":                 {true, []read{{1, "a", 0}, {1, "a", 0}, {2, "b", 0}, {7, "c", 0}}},
		"one that was made again":             {true, []read{{1, "a", 0}, {1, "b", 1}, {1, "b", 1}, {2, "c", 1}, {2, "d", 2}}},
		"whose number fell":                   {true, []read{{5, "a", 0}, {1, "b", 1}, {5, "c", 1}}},
		"whose number may fall":               {false, []read{{5, "a", 0}, {1, "b", 0}, {5, "a", 0}, {5, "c", 1}}},
		"one that was never seen before is 0": {true, []read{{9, "a", 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startover.Numbers[string]{Rises: c.rises}
			for i, r := range c.reads {
				assert.Equal(t, r.times, n.Times("db", r.number, r.id), "read %d", i)
				assert.Zero(t, n.Times("other"+strconv.Itoa(i), r.number, r.id), "each document has its own")
			}
		})
	}
}

func TestWhatIsRememberedHasABound(t *testing.T) {
	t.Parallel()
	var n startover.Numbers[int]
	n.Times("first", 1, 1)
	for i := range 100_000 {
		n.Times(strconv.Itoa(i), 1, i)
	}
	assert.Zero(t, n.Times("first", 1, 2), "it has been forgotten")
	assert.Equal(t, 1, n.Times("first", 1, 3))
}
