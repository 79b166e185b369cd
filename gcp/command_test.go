//go:build unix

package gcp

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A commandHome is where a command is run, and what Google's servers were sent.
type commandHome struct {
	t    *testing.T
	dir  string
	url  string
	mu   sync.Mutex
	sent []string // subject tokens
}

// commands has the credentials of the process come from a command.
func commands(t *testing.T) *commandHome {
	t.Helper()
	h := &commandHome{t: t, dir: alone(t, "127.0.0.1:1")}
	t.Setenv(allowExecutables, "1")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if strings.HasSuffix(r.URL.Path, ":generateAccessToken") {
			_, _ = fmt.Fprintf(w, `{"accessToken":"impersonated","expireTime":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
			return
		}
		h.sent = append(h.sent, r.FormValue("subject_token"))
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	t.Cleanup(web.Close)
	h.url = web.URL
	return h
}

// script writes a command.
func (h *commandHome) script(text string) string {
	file := write(h.t, h.dir, "get-token", "#!/bin/sh\n"+text+"\n")
	require.NoError(h.t, os.Chmod(file, 0o700)) // #nosec G302 -- it is to be run
	return file
}

// use makes a file with an executable the credentials of the process.
func (h *commandHome) use(executable map[string]any) string {
	text := externalAccount(h.t, h.url, map[string]any{"executable": executable})
	h.t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(h.t, h.dir, "pool.json", text))
	return text
}

func subjectToken(id string, ends time.Time) string {
	return fmt.Sprintf(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":%q,"expiration_time":%d}`, id, ends.Unix())
}

func TestACommandThatWritesWithoutEndIsReadUpToABound(t *testing.T) {
	for name, text := range map[string]string{
		"1 GB":                       "head -c 1073741824 /dev/zero",
		"without end":                "exec yes " + canary,
		"without end as an error":    "exec yes " + canary + " >&2",
		"a token, and then no end":   "echo '" + subjectToken("x", time.Now().Add(time.Hour)) + "'; exec yes",
		"and does not stop for that": "trap '' PIPE; while :; do echo " + canary + strings.Repeat("x", 4096) + " 2>/dev/null; done",
	} {
		t.Run(name, func(t *testing.T) {
			h := commands(t)
			h.use(map[string]any{"command": h.script(text)})
			withinBounds(t, name, func() error {
				_, err := loginOf(t).Token(within(t, floodTime))
				noCanary(t, err)
				return err
			})
			assert.Empty(t, h.sent)
		})
	}
}

func TestATokenThatACommandHasKeptIsUsedUntilItsEnd(t *testing.T) {
	h := commands(t)
	file := write(t, h.dir, "kept", subjectToken("kept", time.Now().Add(time.Hour)))
	h.use(map[string]any{"command": h.script("echo '" + subjectToken("new", time.Now().Add(time.Hour)) + "'"), "output_file": file})
	ask := func() {
		_, err := loginOf(t).Token(soon(t))
		require.NoError(t, err)
	}
	ask()
	for _, text := range []string{subjectToken("old", time.Now().Add(-time.Hour)), `{"version":1,"success":false,"code":"1","message":"no"}`, "x", ""} {
		write(t, h.dir, "kept", text)
		ask()
	}
	require.NoError(t, os.Remove(file))
	ask()
	assert.Equal(t, []string{"kept", "new", "new", "new", "new", "new"}, h.sent)
}

func TestACommandIsToldWhatTheTokenIsFor(t *testing.T) {
	h := commands(t)
	seen := h.dir + "/seen"
	command := h.script("env >" + seen + "; echo '" + subjectToken("x", time.Now().Add(time.Hour)) + "'")
	inner := h.use(map[string]any{"command": command, "output_file": h.dir + "/none"})
	_, err := loginOf(t).Token(soon(t))
	require.NoError(t, err)
	environment, err := os.ReadFile(seen)
	require.NoError(t, err)
	for _, line := range []string{
		"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q", "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE=0",
		"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=urn:ietf:params:oauth:token-type:jwt", "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE=" + h.dir + "/none", "HOME=" + os.Getenv("HOME"),
	} {
		assert.Contains(t, string(environment), line+"\n")
	}

	text := `{"type":"impersonated_service_account","service_account_impersonation_url":"` + h.url + `/v1/projects/-/serviceAccounts/a@b:generateAccessToken","source_credentials":` + inner + `}`
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, h.dir, "impersonated.json", text))
	got, err := loginOf(t).Token(soon(t))
	require.NoError(t, err, "also below an impersonation")
	assert.Equal(t, "impersonated", got.Value)
	assert.Equal(t, []string{"x", "x"}, h.sent)
}

func TestACommandThatCannotBeRun(t *testing.T) {
	for name, c := range map[string]struct {
		executable map[string]any
		class      error
		says       string
	}{
		"none":                    {map[string]any{"command": " "}, secrets.ErrUnauthenticated, "no command"},
		"a time too short":        {map[string]any{"command": "x", "timeout_millis": 10}, secrets.ErrUnauthenticated, "between 5000 and 120000"},
		"a time too long":         {map[string]any{"command": "x", "timeout_millis": 999999}, secrets.ErrUnauthenticated, "between 5000 and 120000"},
		"one that takes for ever": {map[string]any{"command": "sleep 60"}, secrets.ErrUnavailable, "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			h := commands(t)
			h.use(c.executable)
			_, err := loginOf(t).Token(within(t, 500*time.Millisecond))
			onlyClass(t, err, c.class)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestAnAnswerOfACommandThatIsNoTokenIsRefused(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour).Unix()
	for text, ok := range map[string]bool{
		fmt.Sprintf(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:id_token","id_token":"x","expiration_time":%d}`, later):   true,
		fmt.Sprintf(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:saml2","saml_response":"x","expiration_time":%d}`, later): true,
		fmt.Sprintf(`{"version":2,"success":true,"token_type":"urn:ietf:params:oauth:token-type:id_token","id_token":"x","expiration_time":%d}`, later):   false,
		fmt.Sprintf(`{"version":1,"token_type":"urn:ietf:params:oauth:token-type:id_token","id_token":"x","expiration_time":%d}`, later):                  false,
		fmt.Sprintf(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:saml2","id_token":"x","expiration_time":%d}`, later):      false,
		fmt.Sprintf(`{"version":1,"success":true,"token_type":"other","id_token":"x","expiration_time":%d}`, later):                                       false,
		`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":"x"}`:                                                 false,
		`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":"x","expiration_time":1}`:                             false,
		`{}`: false, `[]`: false, ``: false, `null`: false,
	} {
		token, err := commandToken([]byte(text), true)
		assert.Equal(t, ok, err == nil, text)
		assert.Equal(t, ok, token == "x", text)
	}
}
