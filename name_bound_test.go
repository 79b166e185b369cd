package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

// A reader is a way to have a name read.
var readers = map[string]func(ctx context.Context, r *secrets.Resolver, name string) error{
	"Get": func(ctx context.Context, r *secrets.Resolver, name string) error {
		_, err := r.Get(ctx, name)
		return err
	},
	"Refresh": func(ctx context.Context, r *secrets.Resolver, name string) error {
		_, err := r.Refresh(ctx, name)
		return err
	},
	"Preload": func(ctx context.Context, r *secrets.Resolver, name string) error { return r.Preload(ctx, name) },
	"Retry": func(ctx context.Context, r *secrets.Resolver, name string) error {
		return r.Retry(ctx, name, func(error) bool { return false }, func(context.Context, secrets.Secret) error { return nil })
	},
	"Bind": func(ctx context.Context, r *secrets.Resolver, name string) error {
		live, err := secrets.Bind[string](ctx, r, name, nil)
		if err == nil {
			live.Stop()
		}
		return err
	},
	"Watch": func(ctx context.Context, r *secrets.Resolver, name string) error {
		for _, err := range r.Watch(ctx, name) {
			return err
		}
		return nil
	},
	"Get from a context": func(ctx context.Context, r *secrets.Resolver, name string) error {
		_, err := secrets.Get(secrets.NewContext(ctx, r), name)
		return err
	},
}

func TestNameHasABound(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct{ name, says string }{
		"a byte too long":            {strings.Repeat("n", 1025), "1025 bytes"},
		"a field too long":           {"db#" + strings.Repeat("f", 1022), "1025 bytes"},
		"a segment too many":         {strings.Repeat("s/", 64) + "s", "65 segments"},
		"a pointer of too many":      {"db#" + strings.Repeat("/0", 65), "65 segments"},
		"megabytes":                  {strings.Repeat("n/", 1<<20), "2097152 bytes"},
		"megabytes, and a reference": {"vault://" + strings.Repeat("n", 1<<20), "bytes"},
		"too long, and empty parts":  {strings.Repeat("/", 2000), "2000 bytes"},
	} {
		for way, read := range readers {
			t.Run(way+" of a name that is "+what, func(t *testing.T) {
				t.Parallel()
				p := spectest.NewPolled(nil)
				r := spectest.On(t, p)
				err := read(t.Context(), r, test.name)
				require.ErrorIs(t, err, secrets.ErrInvalid)
				assert.ErrorContains(t, err, test.says)
				assert.Less(t, len(err.Error()), 600, "the error does not quote it whole")
				assert.Less(t, len(fmt.Sprintf("%#v %+v", err, err)), 2000, "nor hold it")
				assert.Zero(t, p.Calls(), "nothing was asked")
				_, names, missing := r.Held()
				assert.Zero(t, names+missing, "nothing is remembered")
			})
		}
	}
	for what, name := range map[string]string{
		"of 1 KiB":              strings.Repeat("n", 1024),
		"of 64 segments":        strings.Repeat("s/", 63) + "s",
		"with a pointer of 64":  "db#" + strings.Repeat("/0", 64),
		"of 1 KiB with a field": "db#" + strings.Repeat("f", 1021),
	} {
		t.Run("a name "+what+" is one", func(t *testing.T) {
			t.Parallel()
			path, _, _ := strings.Cut(name, "#")
			r := spectest.On(t, spectest.NewPolled(map[string]string{path: "{}"}))
			_, err := r.Get(t.Context(), name)
			assert.NotErrorIs(t, err, secrets.ErrInvalid)
		})
	}
}

func TestWhatIsMadeOfNamesHasABound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 1025)
	refused := func(t *testing.T, err error) {
		t.Helper()
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Less(t, len(err.Error()), 600)
	}
	t.Run("Name, whose parts may be input", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.Name("tenants", long)
		refused(t, err)
		_, err = secrets.Name(strings.Split(strings.Repeat("s/", 64)+"s", "/")...)
		refused(t, err)
		name, err := secrets.Name(strings.Repeat("a", 511), strings.Repeat("b", 512))
		require.NoError(t, err)
		assert.Len(t, name, 1024)
		_, err = secrets.Name(strings.Repeat("a", 512), strings.Repeat("b", 512))
		refused(t, err)
	})
	t.Run("the names that are listed", func(t *testing.T) {
		t.Parallel()
		for _, err := range spectest.On(t, spectest.NewPolled(nil)).List(t.Context(), long) {
			refused(t, err)
		}
	})
	t.Run("the tags of Load", func(t *testing.T) {
		t.Parallel()
		var dst struct {
			Many string `secret:"s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s"`
		}
		err := spectest.On(t, spectest.NewPolled(nil)).Load(t.Context(), &dst)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		refused(t, err)
	})
	t.Run("the names that references are for, and the references", func(t *testing.T) {
		t.Parallel()
		to := spectest.Scheme(t, spectest.NewPolled(nil))
		for name, uri := range map[string]string{
			long:                             to + "://x",
			strings.Repeat("s/", 65):         to + "://x",
			"db":                             to + "://" + strings.Repeat("x", 4096),
			"stripe/key":                     "vault:" + strings.Repeat("x", 4096) + "#k",
			"arn:" + strings.Repeat("x", 20): "arn:" + strings.Repeat(":", 4096),
		} {
			_, err := secrets.Open(t.Context(), to+"://", secrets.WithReferences(map[string]string{name: uri}))
			require.ErrorIs(t, err, secrets.ErrInvalid)
			refused(t, err)
		}
		_, err := secrets.Open(t.Context(), to+"://"+strings.Repeat("x", 4096))
		refused(t, err)
	})
	t.Run("ParseRef", func(t *testing.T) {
		t.Parallel()
		_, err := secrets.ParseRef("vault://" + strings.Repeat("x", 4096-8))
		require.NoError(t, err)
		_, err = secrets.ParseRef("vault://" + strings.Repeat("x", 4096-7))
		refused(t, err)
		assert.ErrorContains(t, err, "4097")
	})
	t.Run("the pointer that Field is given", func(t *testing.T) {
		t.Parallel()
		r := spectest.On(t, spectest.NewPolled(map[string]string{"db": `{"a":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 101)}))
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		_, err = s.Field(strings.Repeat("/a", 100))
		refused(t, err)
	})
}

func TestDeniedNamesFromInputAreNotKeptWhole(t *testing.T) {
	t.Parallel()
	p := secretstest.NewProvider(nil)
	r := spectest.On(t, p)
	for i := range 2000 {
		_, err := r.Get(t.Context(), fmt.Sprintf("%d/%s", i, strings.Repeat("x", 32<<10)))
		require.ErrorIs(t, err, secrets.ErrInvalid)
	}
	documents, names, missing := r.Held()
	assert.Zero(t, documents+names+missing)
	assert.Zero(t, p.Calls())
}

func TestHostileNamesAndValuesAreLookedAtInNoTime(t *testing.T) {
	for what, text := range hostileTexts(512 << 10) {
		start := time.Now()
		_, _, _ = secrets.ParseValue(text)
		_, _ = secrets.ParseRef(text)
		_, err := secrets.Name(text, text)
		require.Error(t, err)
		// They took up to 18 s each; a loaded machine gets a hundred times of what it needs.
		assert.Less(t, time.Since(start), 500*time.Millisecond, what)
	}
}

// hostileTexts are those that nearly are a reference, over and over.
func hostileTexts(size int) map[string]string {
	texts := make(map[string]string)
	for _, part := range []string{
		"ref+", "ref+a", "ref+a:", "ref+a:/", "ref+9://", "+://", "ref+ ", "secretref+", "secretref+-://", "://", "@", "a:b@", "arn:", "arn:aws:ssm:",
		"vault:", "vault:#", "%41", "a/", "/", "#", "?", "?a=b", "&a=b", "sm://", "gcp:secretmanager:", "hvs.", "%3A", " ", "\"", "ref+ref+a://" + "\x00",
	} {
		for _, head := range []string{"", "vault://", "ref+", "ref+vault://x", "arn:aws:secretsmanager:", "vault:", `"`} {
			text := head + strings.Repeat(part, size/len(part)+1)
			texts[fmt.Sprintf("%q and then %q", head, part)] = text[:size]
		}
	}
	return texts
}

func BenchmarkHostileValue(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
		texts := hostileTexts(size)
		b.Run(fmt.Sprintf("%dkB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size * len(texts)))
			for b.Loop() {
				for _, text := range texts {
					_, _, _ = secrets.ParseValue(text)
				}
			}
		})
	}
}

func BenchmarkHostileName(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
		r := spectest.On(b, spectest.NewPolled(nil))
		name := strings.Repeat("n/", size/2-1) + "nn"
		b.Run(fmt.Sprintf("%dkB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := r.Get(b.Context(), name); !errors.Is(err, secrets.ErrInvalid) {
					b.Fatal(err)
				}
			}
		})
	}
}
