package binding

import (
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// loaded loads a T from documents in memory.
func loaded[T any](t testing.TB, docs map[string]string) (dst T, err error) {
	t.Helper()
	err = spectest.On(t, spectest.NewPolled(docs)).Load(t.Context(), &dst)
	return dst, err
}

type name string

func TestLoadTypes(t *testing.T) {
	t.Parallel()
	type point struct{ X, Y int }
	type all struct {
		Secret   secrets.Secret    `secret:"text"`
		SecretP  *secrets.Secret   `secret:"text"`
		String   string            `secret:"text"`
		Named    name              `secret:"text"`
		StringP  *string           `secret:"text"`
		StringPP **string          `secret:"text"`
		Bytes    []byte            `secret:"text"`
		Key      ed25519.PublicKey `secret:"text"`
		Bool     bool              `secret:"true"`
		Int      int               `secret:"number"`
		Int8     int8              `secret:"number"`
		Int16    int16             `secret:"number"`
		Int32    int32             `secret:"number"`
		Int64    int64             `secret:"number"`
		Uint     uint              `secret:"number"`
		Uint8    uint8             `secret:"number"`
		Uint16   uint16            `secret:"number"`
		Uint32   uint32            `secret:"number"`
		Uint64   *uint64           `secret:"number"`
		Float32  float32           `secret:"float"`
		Float64  float64           `secret:"float"`
		Duration time.Duration     `secret:"duration"`
		URL      url.URL           `secret:"url"`
		URLP     *url.URL          `secret:"url"`
		Addr     netip.Addr        `secret:"addr"`
		Level    *slog.Level       `secret:"level"`
		Big      big.Int           `secret:"number"`
		Time     time.Time         `secret:"time"`
		Struct   point             `secret:"point"`
		StructP  *point            `secret:"point"`
		Map      map[string]int    `secret:"point"`
		Slice    []string          `secret:"slice"`
		Array    [2]string         `secret:"slice"`
		Raw      json.RawMessage   `secret:"point"`
		Any      any               `secret:"point"`
	}
	dst, err := loaded[all](t, map[string]string{
		"text": "text", "true": "true", "number": "42", "float": "1.5", "duration": "1m30s", "url": "https://u:p@host/x",
		"addr": "10.0.0.1", "level": "WARN", "time": "2026-01-02T03:04:05Z", "point": `{"X":1,"Y":2}`, "slice": `["a","b"]`,
	})
	require.NoError(t, err)
	assert.Equal(t, "text", dst.Secret.Reveal())
	assert.Equal(t, "text", dst.Secret.Name())
	assert.Equal(t, "text", dst.SecretP.Reveal())
	text := "text"
	textP := &text
	seven := uint64(42)
	level := slog.LevelWarn
	u, _ := url.Parse("https://u:p@host/x")
	var number big.Int
	number.SetInt64(42)
	dst.Secret, dst.SecretP = secrets.Secret{}, nil
	assert.Equal(t, all{
		String: text, Named: "text", StringP: textP, StringPP: &textP, Bytes: []byte("text"), Key: ed25519.PublicKey("text"),
		Bool: true, Int: 42, Int8: 42, Int16: 42, Int32: 42, Int64: 42, Uint: 42, Uint8: 42, Uint16: 42, Uint32: 42, Uint64: &seven,
		Float32: 1.5, Float64: 1.5, Duration: 90 * time.Second, URL: *u, URLP: u, Addr: netip.MustParseAddr("10.0.0.1"), Level: &level,
		Big: number, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Struct: point{1, 2}, StructP: &point{1, 2},
		Map: map[string]int{"X": 1, "Y": 2}, Slice: []string{"a", "b"}, Array: [2]string{"a", "b"},
		Raw: json.RawMessage(`{"X":1,"Y":2}`), Any: map[string]any{"X": 1.0, "Y": 2.0},
	}, dst)
}

func TestLoadNames(t *testing.T) {
	t.Parallel()
	type stripe struct {
		Key    string `secret:"key"`
		Nested struct {
			Deep string `secret:"deep"`
		} `secret:"more/"`
		Group struct {
			Same string `secret:"key"`
		}
	}
	type Common struct {
		Region string `secret:"region"`
	}
	type config struct {
		Common
		Password string `secret:"db/password"`
		Field    string `secret:"db#user"`
		Pointer  string `secret:"db#/hosts/0"`
		Stripe   stripe `secret:"stripe/"`
		Skipped  string `secret:"-"`
		Plain    string
		Loose    struct {
			Token string `secret:"token"`
		}
		hidden string
	}
	dst := config{Skipped: "skipped", Plain: "plain", hidden: "hidden"}
	r := spectest.On(t, spectest.NewPolled(map[string]string{
		"db": `{"user":"u","password":"p","hosts":["h1"]}`, "stripe/key": "k", "stripe/more/deep": "d", "token": "t", "region": "eu",
	}))
	require.NoError(t, r.Load(t.Context(), &dst))
	want := config{Common: Common{"eu"}, Password: "p", Field: "u", Pointer: "h1", Skipped: "skipped", Plain: "plain", hidden: "hidden"}
	want.Stripe.Key, want.Stripe.Nested.Deep, want.Stripe.Group.Same, want.Loose.Token = "k", "d", "k", "t"
	assert.Equal(t, want, dst)
}

func TestLoadOptionsOfATag(t *testing.T) {
	t.Parallel()
	type config struct {
		Optional string         `secret:"proxy,optional"`
		Default  int            `secret:"port,default=5432"`
		Both     time.Duration  `secret:"wait,optional,default=5s"`
		Commas   string         `secret:"hosts,default=a,b,optional"`
		Empty    string         `secret:"empty,default="`
		JSON     []int          `secret:"list,default=[1,2]"`
		Pointer  *bool          `secret:"flag,default=true"`
		Secret   secrets.Secret `secret:"pin,default=0000"`
	}
	t.Run("default= is the rest of the tag, and what a missing name reads", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[config](t, nil)
		require.NoError(t, err)
		assert.Equal(t, 5432, dst.Default)
		assert.Equal(t, 5*time.Second, dst.Both)
		assert.Equal(t, "a,b,optional", dst.Commas)
		assert.Empty(t, dst.Empty)
		assert.Equal(t, []int{1, 2}, dst.JSON)
		assert.True(t, *dst.Pointer)
		assert.Equal(t, "0000", dst.Secret.Reveal())
	})
	t.Run("what is there goes before the default", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[config](t, map[string]string{"port": "1", "hosts": "", "proxy": "p"})
		require.NoError(t, err)
		assert.Equal(t, 1, dst.Default)
		assert.Empty(t, dst.Commas, "an empty value is a value")
		assert.Equal(t, "p", dst.Optional)
	})
	t.Run("optional leaves the field as it is", func(t *testing.T) {
		t.Parallel()
		dst := config{Optional: "before"}
		require.NoError(t, spectest.On(t, spectest.NewPolled(nil)).Load(t.Context(), &dst))
		assert.Equal(t, "before", dst.Optional)
	})
	t.Run("a field that is missing or null in its document is missing", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct {
			Missing string `secret:"db#missing,optional"`
			Null    string `secret:"db/null,default=d"`
		}](t, map[string]string{"db": `{"null":null}`})
		require.NoError(t, err)
		assert.Equal(t, "d", dst.Null)
	})
	for _, class := range []error{secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrInvalid} {
		t.Run("neither covers a failure that is not NotFound: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, nil)
			p.Fail("port", class)
			assert.ErrorIs(t, r.Load(t.Context(), new(config)), class)
		}))
	}
}
