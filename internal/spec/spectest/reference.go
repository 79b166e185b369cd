package spectest

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Led returns a resolver whose names are values that refer elsewhere.
func Led(t *testing.T, opts ...secrets.Option) (r *secrets.Resolver, values, elsewhere *secretstest.Provider, to func(path string) string) {
	elsewhere = NewPolled(map[string]string{"x": "one", "y": "two"})
	name := Scheme(t, elsewhere)
	to = func(path string) string { return name + "://" + path }
	values = NewPolled(map[string]string{"db": to("x")})
	return Open(t, Scheme(t, values)+"://?references=any", append([]secrets.Option{secrets.WithTTL(time.Minute)}, opts...)...), values, elsewhere, to
}

// AskOthers asks for a hundred other names, one each time.
func AskOthers(t *testing.T, r *secrets.Resolver, values *secretstest.Provider, each time.Duration) {
	t.Helper()
	for i := range 100 {
		time.Sleep(each)
		name := fmt.Sprint("other", i)
		values.Set(name, "v")
		Get(t, r, name)
	}
}

// Referring returns a provider and a resolver on it whose references are given
// without their scheme.
func Referring(t *testing.T, references map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
	p := NewPolled(nil)
	name := Scheme(t, p)
	for k, v := range references {
		references[k] = name + "://" + v
	}
	return Open(t, name+"://", append(opts, secrets.WithReferences(references))...), p
}
