package envfile

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// The pair through the resolver: as the fields of a directory, of a JSON file,
// and as two names of one struct, while the volume is swapped 10,000 times.
// None is ever torn or goes back, and the last version is seen by all, though
// the TTL is an hour.
func TestTheResolverNeverTearsAPairAndSeesEveryRotation(t *testing.T) {
	t.Parallel()
	swaps := 10_000
	if testing.Short() {
		swaps = 500
	}
	m := newMount(t, filepath.Join(memoryDir(t), "db"))
	swap := func(i int) {
		user, password := fmt.Sprintf("user-%d", i), fmt.Sprintf("password-%d", i)
		m.swap(map[string]string{
			"pair.json": fmt.Sprintf(`{"user":%q,"password":%q}`, user, password),
			"user":      user, "password": password,
		})
	}
	swap(0)
	r, err := secrets.Open(t.Context(), "file://"+filepath.Dir(m.dir), secrets.WithTTL(time.Hour), secrets.WithLogger(nil))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	type pair struct {
		User     string `secret:"db#user"`
		Password string `secret:"db#password"`
	}
	live, err := secrets.BindStruct[pair](t.Context(), r)
	require.NoError(t, err)

	number := func(user, password string) (n int, torn bool) {
		n, err := strconv.Atoi(strings.TrimPrefix(user, "user-"))
		return n, err != nil || password != fmt.Sprint("password-", n)
	}
	get := func(name string) (int, bool) {
		s, err := r.Get(t.Context(), name)
		if err != nil {
			return 0, true
		}
		user, err1 := s.Field("user")
		password, err2 := s.Field("password")
		n, torn := number(user.Reveal(), password.Reveal())
		return n, torn || err1 != nil || err2 != nil
	}
	reads := map[string]func() (int, bool){
		"directory": func() (int, bool) { return get("db") },
		"file":      func() (int, bool) { return get("db/pair.json") },
		"struct":    func() (int, bool) { p := live.Get(); return number(p.User, p.Password) },
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	seen := make(map[string]*atomic.Int64)
	for what, read := range reads {
		versions := new(atomic.Int64)
		seen[what] = versions
		wg.Go(func() {
			for last := -1; !stop.Load(); {
				n, torn := read()
				if torn || n < last {
					assert.Fail(t, "torn, gone back or not there", "%s: version %d after %d", what, n, last)
					return
				}
				if n != last {
					versions.Add(1)
					last = n
				}
			}
		})
	}
	for i := 1; i < swaps; i++ {
		swap(i)
	}
	for what, read := range reads {
		assert.Eventually(t, func() bool { n, torn := read(); return n == swaps-1 && !torn }, 10*time.Second, time.Millisecond, "%s sees the last version", what)
	}
	stop.Store(true)
	wg.Wait()
	for what, versions := range seen {
		t.Logf("%s: %d versions seen of %d", what, versions.Load(), swaps)
		assert.Greater(t, versions.Load(), int64(3), what)
	}
}
