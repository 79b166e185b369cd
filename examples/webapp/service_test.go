package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	"github.com/go-secrets/secrets/secretstest"
)

func TestThePageShowsVersionsAndRotationsAndNoValues(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close()) // a database that is down

	secret := canary.New()
	var seen rotations
	r, p := secretstest.New(t, map[string]string{"db": `{"username":"app","password":"` + secret + `"}`}, secrets.WithObserver(seen.observe))
	p.Disable(secretstest.Watch) // the only read is the one that Refresh waits for, its event included
	db, err := secretpgx.Open(r, "db", "postgres://"+l.Addr().String()+"/d?sslmode=disable")
	require.NoError(t, err)
	defer db.Close()
	h := routes(r, db, &seen)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		_, found := canary.For(secret).Text(w.Body.String())
		assert.False(t, found, path)
		return w
	}
	assert.Equal(t, 503, get("/query").Code)
	assert.Equal(t, 200, get("/healthz").Code, "the secret is there")
	assert.Contains(t, get("/").Body.String(), "<title>Rotating secrets, live</title>")
	assert.Contains(t, get("/secrets").Body.String(), `"version": "v1"`)
	assert.Equal(t, 404, get("/other").Code)

	p.Set("db", `{"username":"app","password":"`+secret+`2"}`)
	_, err = r.Refresh(t.Context(), "db")
	require.NoError(t, err)
	var live struct {
		Failed    int
		Documents []secrets.Status
		Rotations []rotation
	}
	require.Eventually(t, func() bool { // an observer hears of a rotation after those who ask for the secret
		require.NoError(t, json.Unmarshal(get("/live").Body.Bytes(), &live))
		return len(live.Rotations) > 0
	}, 10*time.Second, time.Millisecond)
	assert.Equal(t, 1, live.Failed)
	require.Len(t, live.Documents, 1)
	assert.Equal(t, "v2", live.Documents[0].Version)
	require.Len(t, live.Rotations, 1)
	assert.Equal(t, "v2", live.Rotations[0].Version)
}
