package binding

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestLoadFailures(t *testing.T) {
	t.Parallel()
	t.Run("are all reported at once, by name, and leave dst untouched", spectest.Bubble(func(t *testing.T) {
		type config struct {
			Good    string `secret:"good"`
			Missing string `secret:"missing"`
			Denied  string `secret:"denied"`
			Number  int    `secret:"number"`
			Other   struct {
				Gone  string  `secret:"gone"`
				Fine  string  `secret:"fine"`
				Float float64 `secret:"float"`
			} `secret:"other/"`
		}
		r, p := spectest.Polled(t, map[string]string{"good": "g", "number": "many", "other/fine": "f", "other/float": "x"})
		p.Fail("denied", secretstest.Denied("secretsmanager:GetSecretValue"))
		dst := config{Good: "before", Number: 7}
		err := r.Load(t.Context(), &dst)
		require.Error(t, err)
		for _, name := range []string{`"missing"`, `"denied"`, `"number"`, `"other/gone"`, `"other/float"`} {
			assert.ErrorContains(t, err, name)
		}
		for _, name := range []string{`"good"`, `"other/fine"`} {
			assert.NotContains(t, err.Error(), name)
		}
		for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrInvalid} {
			assert.ErrorIs(t, err, class)
		}
		var missing interface{ Permission() string }
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, "secretsmanager:GetSecretValue", missing.Permission())
		assert.ErrorContains(t, err, "Number", "the Go field is named")
		assert.Equal(t, config{Good: "before", Number: 7}, dst)
	}))

	t.Run("of two fields with one name are told for both", func(t *testing.T) {
		t.Parallel()
		_, err := loaded[struct {
			A int    `secret:"n"`
			B bool   `secret:"n"`
			C string `secret:"n"`
		}](t, map[string]string{"n": "x"})
		assert.ErrorContains(t, err, `load A "n"`)
		assert.ErrorContains(t, err, `load B "n"`)
	})

	t.Run("of tags come before anything is read, all at once", func(t *testing.T) {
		t.Parallel()
		type config struct {
			Slash      string                  `secret:"/db"`
			Empty      string                  `secret:""`
			NoName     string                  `secret:",optional"`
			Double     string                  `secret:"a//b"`
			Dots       string                  `secret:"../up"`
			NoField    string                  `secret:"db#"`
			Option     string                  `secret:"db,optoinal"`
			Chan       chan int                `secret:"chan"`
			Func       func()                  `secret:"func"`
			Complex    complex128              `secret:"complex"`
			Iface      fmt.Stringer            `secret:"iface"`
			LiveChan   *secrets.Live[chan int] `secret:"livechan"`
			Prefix     string                  `secret:"prefix/"`
			unexported string                  `secret:"unexported"`
			group      struct {
				A string `secret:"a"`
			} `secret:"group/"`
			Default int                `secret:"default,default=many"`
			LiveDef *secrets.Live[int] `secret:"livedef,default=many"`
			Good    string             `secret:"good"`
		}
		p := spectest.NewPolled(map[string]string{"good": "g"})
		r := spectest.On(t, p)
		var dst config
		err := r.Load(t.Context(), &dst)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		typ := reflect.TypeFor[config]()
		for i := range typ.NumField() {
			if f := typ.Field(i).Name; f != "Good" {
				assert.ErrorContains(t, err, "config."+f)
			}
		}
		assert.NotContains(t, err.Error(), "Good")
		assert.Zero(t, p.Calls())
		_ = dst.unexported
		_ = dst.group
	})

	for what, dst := range map[string]any{
		"nil": nil, "a struct": struct{}{}, "a nil pointer": (*struct{})(nil), "a pointer to text": new(string), "a map": map[string]string{},
	} {
		t.Run("of a destination that is "+what+" are ErrInvalid", func(t *testing.T) {
			t.Parallel()
			assert.ErrorIs(t, spectest.On(t, spectest.NewPolled(nil)).Load(t.Context(), dst), secrets.ErrInvalid)
		})
	}

	t.Run("of a context that ends are told with what the backend said", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": "1"})
		p.Block("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var dst struct {
			A string `secret:"a,optional"`
		}
		assert.ErrorIs(t, r.Load(ctx, &dst), context.DeadlineExceeded)
		p.Heal()
	}))

	t.Run("quote no value, whatever the type", func(t *testing.T) {
		t.Parallel()
		type misfits struct {
			Bool     bool               `secret:"v"`
			Int      int                `secret:"v"`
			Uint     uint8              `secret:"v"`
			Float    float64            `secret:"v"`
			Duration time.Duration      `secret:"v"`
			URL      url.URL            `secret:"url"`
			URLP     *url.URL           `secret:"url"`
			Addr     netip.Addr         `secret:"v"`
			Time     time.Time          `secret:"v"`
			Big      *big.Int           `secret:"v"`
			Quoting  echoing            `secret:"v"`
			Struct   struct{ A int }    `secret:"v"`
			Field    struct{ A int }    `secret:"object"`
			Map      map[string]int     `secret:"object"`
			Slice    []int              `secret:"v"`
			Any      any                `secret:"v"`
			Custom   echoingJSON        `secret:"object"`
			Live     *secrets.Live[int] `secret:"v"`
		}
		c := canary.New()
		dst, err := loaded[misfits](t, map[string]string{
			"v": c, "url": "https://user:" + c + "@host:port\x7f/%zz", "object": `{"A":"` + c + `"}`,
		})
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Zero(t, dst)
		typ := reflect.TypeFor[misfits]()
		for i := range typ.NumField() {
			assert.ErrorContains(t, err, "."+typ.Field(i).Name)
		}
		assert.Empty(t, canary.For(c).Error(err))
	})

	t.Run("of a number out of range are ErrInvalid", func(t *testing.T) {
		t.Parallel()
		_, err := loaded[struct {
			N int8 `secret:"n"`
		}](t, map[string]string{"n": "300"})
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		_, err = loaded[struct {
			N uint `secret:"n"`
		}](t, map[string]string{"n": "-1"})
		assert.ErrorIs(t, err, secrets.ErrInvalid)
	})
}

// echoing is what many types do: their error quotes the text.
type echoing struct{ _ string }

func (q *echoing) UnmarshalText(text []byte) error { return fmt.Errorf("cannot read %q", text) }

type echoingJSON struct{ A string }

func (q *echoingJSON) UnmarshalJSON(text []byte) error {
	return errors.New("cannot read " + string(text))
}
