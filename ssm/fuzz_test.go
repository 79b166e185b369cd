package ssm

import (
	"strings"
	"testing"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/stretchr/testify/assert"
)

func FuzzLocate(f *testing.F) {
	for _, path := range []string{"/prod/db:3", "db", "a/b", "arn:aws:ssm:eu-west-1:123456789012:parameter/x:blue", "/", ":", "//", "/a:b/c"} {
		f.Add("", path, "")
		f.Add("prod", path, "4")
	}
	p := over(f, &awstest.Server{})
	f.Fuzz(func(t *testing.T, base, path, version string) {
		ref := secrets.Ref{Base: base, Path: path}
		if version != "" {
			ref.Options = map[string]string{"version": version}
		}
		d, err := p.locate(ref)
		if err != nil {
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			return
		}
		assert.NotEmpty(t, d.name)
		assert.NotContains(t, d.selector, ":")
		if ref.IsName() {
			assert.NotContains(t, path, ":", "a name never selects a version")
		}
		if d.region == "" && !strings.HasPrefix(d.name, "arn:") {
			assert.Equal(t, strings.Contains(d.name[1:], "/"), strings.Contains(d.name[1:], "/") && d.name[0] == '/', "a name with levels has a leading slash: %q", d.name)
		}
	})
}
