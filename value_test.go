package secrets_test

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestWhatStandsAroundAReferenceDoesNotMakeItPlainText(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(nil))
	for _, value := range []string{
		`"` + there + `://a/b"`, `'` + there + `://a/b'`, "`" + there + "://a/b`", `"ref+` + there + `://a/b"`, `'secretref+` + there + `://a/b'`,
		" " + there + "://a/b", there + "://a/b\n", there + "://a/b\r\n", "\t" + there + "://a/b \n", `" ` + there + `://a/b "` + "\n",
		strings.ToUpper(there) + "://a/b", "REF+" + there + "://a/b", "Secretref+" + there + "://a/b",
	} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, "%q", value)
		assert.True(t, found, "%q", value)
		assert.Equal(t, there+"://a/b", ref.String(), "%q", value)
	}
	for _, value := range []string{`"`, `""`, `'a'`, `"file:///x"`, `'env://X'`, ` envfile://.env`, `"text"`, `"` + there + `:/a"`} {
		_, found, err := secrets.ParseValue(value)
		require.NoError(t, err, "%q", value)
		assert.False(t, found, "%q", value)
	}
	for _, value := range []string{
		`"ref+` + there + `://a`, `{"k":"ref+` + there + `://a"}`, there + "://" + strings.Repeat("a", 5000), "ref+" + there + "://" + strings.Repeat("a", 5000),
		strings.Repeat(" ", 5000) + "x ref+" + there + "://a", strings.Repeat("x", 100<<10) + "ref+" + there + "://a",
	} {
		_, found, err := secrets.ParseValue(value)
		require.ErrorIs(t, err, secrets.ErrInvalid, "%.100q", value)
		assert.False(t, found)
		assert.Less(t, len(err.Error()), 300)
	}
}

func TestTrimAndDecodeComeBeforeAValueIsTakenForAReference(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(map[string]string{"x": "found", "doc": `{"user":"u"}`}))
	encoded := base64.StdEncoding.EncodeToString
	for _, test := range []struct{ options, value, name, want string }{
		{"&trim=newline", there + "://x\n", "v", "found"},
		{"&trim=newline", there + "://x\r\n", "v", "found"},
		{"", there + "://x\n", "v", "found"},
		{"&trim=newline", `{"k":"` + there + `://x\n"}`, "v#k", "found"},
		{"&trim=newline", `{"k":"` + there + `://x\n"}`, "v/k", "found"},
		{"&decode=base64", encoded([]byte(there + "://x\n")), "v", "found"},
		{"&decode=base64", there + "://doc", "v#user", "u"},
		{"&decode=base64", `{"k":"` + encoded([]byte(there+"://x")) + `"}`, "v#k", "found"},
		{"&decode=base64&trim=newline", `{"k":"` + encoded([]byte("plain\n")) + `"}`, "v#k", "plain"},
		{"&decode=base64", encoded([]byte("plain")), "v", "plain"},
	} {
		r := spectest.Open(t, spectest.Scheme(t, spectest.NewPolled(map[string]string{"v": test.value}))+"://?references=any"+test.options)
		got, err := r.Get(t.Context(), test.name)
		require.NoError(t, err, test)
		assert.Equal(t, test.want, got.Reveal(), test)
	}
}

func FuzzParseValue(f *testing.F) {
	const canary = "S3cr3t!Cnry"
	there := spectest.Scheme(f, spectest.NewPolled(nil))
	for _, seed := range []string{
		there + "://a", "ref+" + there + "://a#k", "ref+ref+a://", "x ref+" + there + "://a", `"` + there + `://a"`, " " + there + "://§@b", "ref+9://", "\n",
		there + "://u:§@h", "vault:§@h/x#k", "arn:aws:ssm:r:1:parameter/§", "`'\"", "REF+A://", "ref+" + there + "://§ ", "://ref+a://",
	} {
		f.Add(strings.ReplaceAll(seed, "§", canary))
	}
	f.Fuzz(func(t *testing.T, value string) {
		ref, found, err := secrets.ParseValue(value)
		if err != nil {
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Less(t, len(err.Error()), 1000, "an error is bounded")
			assert.NotContains(t, err.Error(), canary)
			assert.False(t, found)
			return
		}
		if !found {
			assert.Zero(t, ref)
			// What one would be refused for within text is never let through.
			if strings.HasPrefix(value, "ref+"+there+"://") {
				t.Errorf("%q is taken for plain text", value)
			}
			return
		}
		again, err := secrets.ParseRef(ref.String())
		require.NoError(t, err, "of %q, read from %q", ref, value)
		assert.Equal(t, ref.Join(), again.Join())
		assert.LessOrEqual(t, len(strings.TrimSpace(value)), 4098)
	})
}

func TestParseValueTellsReferencesFromText(t *testing.T) {
	there := spectest.Scheme(t, spectest.NewPolled(nil))
	for _, value := range []string{there + "://a/b", "ref+" + there + "://a/b", "secretref+" + there + "://a/b"} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.True(t, found, value)
		assert.Equal(t, there, ref.Scheme, value)
		assert.Equal(t, "a/b", ref.Path, value)
	}
	for _, value := range []string{
		"", "text", "env", "file", "ENVFILE", "file:///etc/db", "FILE://migrations", "env://HOME", "envfile://.env#A",
		"nobodys://x", "https://example.com",
		"ref+", "see ref+docs", "a ref+b and a ref+c", "a ref+ b://c", "my ref+9s://x",
	} {
		ref, found, err := secrets.ParseValue(value)
		require.NoError(t, err, value)
		assert.False(t, found, value)
		assert.Zero(t, ref, value)
	}
	for _, value := range []string{
		"postgres://u:ref+" + there + "://key@h",
		"postgres://u:secretref+" + there + "://key@h",
		"a ref+b and ref+" + there + "://key",
		"key=ref+nobodys://x",
	} {
		_, found, err := secrets.ParseValue(value)
		require.ErrorIs(t, err, secrets.ErrInvalid, value)
		assert.NotErrorIs(t, err, secrets.ErrNotFound, value)
		assert.ErrorContains(t, err, "make it the whole value", value)
		assert.False(t, found, value)
	}
	_, found, err := secrets.ParseValue(there + "://a?colour")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.False(t, found, "what cannot be read is no reference that was found")
}

func TestCheckValueRefusesAnOptionThatSendsCredentialsElsewhere(t *testing.T) {
	f, other := spectest.NewFake(nil), spectest.NewFake(nil)
	check := func(t *testing.T, uri string, reference string) error {
		ref, found, err := secrets.ParseValue(reference)
		require.NoError(t, err)
		require.True(t, found)
		return spectest.Open(t, uri).CheckValue(ref)
	}
	t.Run("but not one that sends them where a provider of this scheme does", func(t *testing.T) {
		assert.NoError(t, check(t, f.Scheme+"://?endpoint=http://one", f.Scheme+"://x?endpoint=http://one"))
		assert.NoError(t, check(t, other.Scheme+":// "+f.Scheme+"://?endpoint=http://two "+f.Scheme+"://?endpoint=http://one", f.Scheme+"://x?endpoint=http://one"), "be it any of several")
	})
	t.Run("nor others, nor none", func(t *testing.T) {
		assert.NoError(t, check(t, f.Scheme+"://?endpoint=http://one", f.Scheme+"://x"))
		assert.NoError(t, check(t, other.Scheme+"://", f.Scheme+"://x?region=north"))
	})
	for what, uri := range map[string]string{
		"which no provider has":                         f.Scheme + "://",
		"which one of the scheme has otherwise":         f.Scheme + "://?endpoint=http://two",
		"which only one of another scheme has likewise": other.Scheme + "://?endpoint=http://one " + f.Scheme + "://",
	} {
		t.Run(what, func(t *testing.T) {
			err := check(t, uri, f.Scheme+"://x?endpoint=http://one")
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.NotErrorIs(t, err, secrets.ErrNotFound)
			assert.ErrorContains(t, err, "endpoint")
			assert.ErrorContains(t, err, f.Scheme)
		})
	}
}

// largeDocument is an object of some 512 KiB.
func largeDocument(version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"a":"%d"`, version)
	for i := 0; b.Len() < 512<<10; i++ {
		fmt.Fprintf(&b, `,"key%d":"value-%d"`, i, i)
	}
	b.WriteString("}")
	return b.String()
}

func TestALargeDocumentOfWhichAFieldIsHeldIsParsedWithoutTheLock(t *testing.T) {
	t.Parallel()
	text := largeDocument(1)
	r := spectest.On(t, spectest.NewPolled(map[string]string{"doc": text, "all": text}))
	for name, ahead := range map[string]bool{"doc#a": true, "all": false} {
		_, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		parsed, _ := r.PreparedAhead(name, []byte(text))
		assert.Equal(t, ahead, parsed, "%s, large", name)
		parsed, _ = r.PreparedAhead(name, []byte(`{"a":"x"}`))
		assert.False(t, parsed, "%s, small", name)
	}
	r = spectest.On(t, spectest.NewPolled(map[string]string{"db": text}))
	_, err := r.Get(t.Context(), "db/a")
	require.NoError(t, err)
	parsed, _ := r.PreparedAhead("db/a", []byte(text))
	assert.True(t, parsed, "the field of a parent")
}

// Only where ?references= says so, and of a document and its fields.
func TestALargeValueIsLookedThroughForReferencesWithoutTheLock(t *testing.T) {
	long := strings.Repeat("ref+://", cache.Large/7+1)
	for name, c := range map[string]struct {
		options string
		ask     string
		texts   int
	}{
		"a document":                        {"?references=any", "doc", 1},
		"a document and its large field":    {"?references=any", "doc#a", 2},
		"nothing where no value refers":     {"", "doc#a", 0},
		"nothing where it is switched off":  {"?references=false", "doc", 0},
		"a document that is wanted by part": {"?references=true", "doc/a", 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := spectest.NewPolled(map[string]string{"doc": `{"a":"x"}`})
			r, err := secrets.Open(t.Context(), spectest.Scheme(t, p)+"://"+c.options)
			require.NoError(t, err)
			t.Cleanup(func() { _ = r.Close() })
			_, err = r.Get(t.Context(), c.ask)
			require.NoError(t, err)
			next := `{"a":"` + long + `"}`
			_, texts := r.PreparedAhead(c.ask, []byte(next), next, long)
			assert.Equal(t, c.texts, texts)
		})
	}
}

func BenchmarkHostileDocument(b *testing.B) {
	p := spectest.NewPolled(map[string]string{"doc": largeDocument(0)})
	r := spectest.On(b, p)
	_, err := r.Get(b.Context(), "doc#a")
	require.NoError(b, err)
	var most, rounds atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Microsecond):
				most.Store(max(most.Load(), int64(r.WaitForLock())))
				rounds.Add(1)
			}
		}
	}()
	var waits []int64
	for i := 1; b.Loop(); i++ {
		p.Set("doc", largeDocument(i))
		most.Store(0)
		_, err := r.Refresh(b.Context(), "doc#a")
		require.NoError(b, err)
		for seen := rounds.Load(); rounds.Load() < seen+2; { // who waited has told
			runtime.Gosched()
		}
		waits = append(waits, most.Load())
	}
	close(stop)
	<-stopped
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2])/1e6, "ms-locked/median")
}
