package gcp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestTheErrorsOfAnEmulatorsGatewayHaveTheirClass(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  error
	}{
		"a missing secret":             {500, `{"error":"rpc error: code = NotFound desc = Secret [projects/p/secrets/x] not found"}`, secrets.ErrNotFound},
		"a refused one":                {500, `{"error":"rpc error: code = PermissionDenied desc = no"}`, secrets.ErrPermission},
		"a quota":                      {500, `{"error":"rpc error: code = ResourceExhausted desc = slow down"}`, secrets.ErrThrottled},
		"an outage of the gRPC side":   {500, `{"error":"rpc error: code = Unavailable desc = down"}`, secrets.ErrUnavailable},
		"a code that nobody has":       {500, `{"error":"rpc error: code = Strange desc = x"}`, secrets.ErrUnavailable},
		"another text":                 {500, `{"error":"oops"}`, secrets.ErrUnavailable},
		"no JSON":                      {500, `oops`, secrets.ErrUnavailable},
		"more than is looked at":       {500, `{"error":"rpc error: code = NotFound desc = ` + strings.Repeat("x", 20<<10) + `"}`, secrets.ErrUnavailable},
		"an error that Google's forms": {404, `{"error":{"code":404,"message":"Secret not found","status":"NOT_FOUND"}}`, secrets.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(s.Close)
			r, err := secrets.Open(t.Context(), "gcp://my-project?transport=rest&endpoint="+strings.TrimPrefix(s.URL, "http://"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = r.Close() })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // what is unavailable is tried until then
			defer cancel()
			_, err = r.Get(ctx, "x")
			require.ErrorIs(t, err, c.class)
			assert.NotContains(t, err.Error(), "rpc error")
		})
	}
}
