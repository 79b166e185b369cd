package secrethttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/kr/pretty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secrethttp"
)

func TestNoPrinterGetsAtTheCredential(t *testing.T) {
	if canary.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	t.Parallel()
	secret := canary.New()
	search := canary.For(secret)
	server := httptest.NewServer(&api{token: secret})
	defer server.Close()
	r, _ := polled(t, map[string]string{"token": secret})
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	transport := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(base))
	client := &http.Client{Transport: transport}
	resp, err := client.Get(server.URL)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
	deep := spew.ConfigState{Indent: " ", DisableMethods: true, DisablePointerMethods: true}
	for name, container := range map[string]any{
		"the transport": transport, "a client": client, "a struct that holds one": struct{ api *http.Client }{client}, "the answer's request": resp.Request,
		"a page of the status": secrethttp.StatusHandler(r),
	} {
		for printer, text := range map[string]string{"spew": deep.Sdump(container), "fmt": fmt.Sprintf("%v %+v %#v", container, container, container), "pretty": pretty.Sprint(container)} {
			_, found := search.Text(text)
			assert.False(t, found, "%s shows it in %s", printer, name)
		}
	}
	_, found := search.Text(deep.Sdump(struct{ header http.Header }{http.Header{"Authorization": {secret}}}))
	assert.True(t, found, "the test can fail")
}
