package gcp

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/auth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// pool sets the environment for an external account whose token is in a file,
// and whose token endpoint is handler.
func pool(t *testing.T, handler http.HandlerFunc) (tokenURL string) {
	t.Helper()
	home := alone(t, "127.0.0.1:1")
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	subject := write(t, home, "token", canary)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, web.URL, map[string]any{"file": subject})))
	return web.URL
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAnExternalAccountHasItsTokenExchanged(t *testing.T) {
	var form url.Values
	pool(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		_, _ = w.Write([]byte(token("t1", 3600)))
	})
	got, err := loginOf(t).Token(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "t1", got.Value)
	assert.Equal(t, canary, form.Get("subject_token"))
}

func TestTheAnswerOfATokenEndpointIsToldWithItsWords(t *testing.T) {
	const audience = `The audience in ID Token [https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/my-pool/providers/my-provider] does not match the expected audience.`
	for name, tt := range map[string]struct {
		status int
		body   string
		class  error
		says   []string
	}{
		"a wrong audience":             {400, `{"error":"invalid_grant","error_description":"` + audience + `"}`, secrets.ErrUnauthenticated, []string{"invalid_grant: " + audience, "attribute condition"}},
		"a condition":                  {403, `{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`, secrets.ErrUnauthenticated, []string{"unauthorized_client: The given credential is rejected by the attribute condition."}},
		"a pool that does not exist":   {400, `{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid."}`, secrets.ErrUnauthenticated, []string{"invalid_target: The target service"}},
		"a refusal without words":      {401, `{}`, secrets.ErrUnauthenticated, []string{"HTTP 401"}},
		"an outage is unavailable":     {503, `{"error":"backend"}`, secrets.ErrUnavailable, []string{"HTTP 503"}},
		"an outage of a proxy, too":    {502, "<html>" + canary + "</html>", secrets.ErrUnavailable, []string{"HTTP 502"}},
		"throttling is throttled":      {429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}`, secrets.ErrThrottled, []string{"HTTP 429", "RESOURCE_EXHAUSTED: Quota exceeded"}},
		"a token that is empty":        {200, `{"access_token":"","token_type":"Bearer","issued_token_type":"x","expires_in":3600}`, secrets.ErrUnavailable, []string{"something else than a token"}},
		"a token of two lines":         {200, `{"access_token":"a\nb","token_type":"Bearer","issued_token_type":"x","expires_in":3600}`, secrets.ErrUnavailable, []string{"something else than a token"}},
		"a captive portal":             {200, "<html>" + canary + "</html>", secrets.ErrUnavailable, []string{"something else than a token"}},
		"a redirect is not followed":   {307, "", secrets.ErrUnavailable, []string{"HTTP 307"}},
		"what it repeats is left out":  {400, `{"error":"invalid_grant","error_description":"bad token ` + canary + `"}`, secrets.ErrUnauthenticated, []string{"bad token […]"}},
		"so is what looks like a key":  {400, `{"error":"x","error_description":"got eyJhbGciOi.` + canary + `"}`, secrets.ErrUnauthenticated, []string{"got […]"}},
		"and what looks like a token":  {400, `{"error":"x","error_description":"got ya29.` + canary + `"}`, secrets.ErrUnauthenticated, []string{"got […]"}},
		"and a text that has no words": {400, canary + strings.Repeat("A", 60), secrets.ErrUnauthenticated, []string{"HTTP 400"}},
	} {
		t.Run(name, func(t *testing.T) {
			tokenURL := pool(t, answerWith(tt.status, tt.body))
			_, err := loginOf(t).Token(soon(t))
			onlyClass(t, err, tt.class)
			for _, says := range append(tt.says, tokenURL, "pool.json") {
				if says != "attribute condition" || strings.Contains(tokenURL, "//sts.") {
					assert.ErrorContains(t, err, says)
				}
			}
			noCanary(t, err)
			if tt.status != 200 {
				var sdk *auth.Error
				require.ErrorAs(t, err, &sdk)
				assert.Equal(t, tt.status, sdk.Response.StatusCode)
				var wait interface{ RetryAfter() time.Duration }
				require.ErrorAs(t, err, &wait)
				assert.Equal(t, 9*time.Second, wait.RetryAfter())
			}
		})
	}
}

func TestADeniedImpersonationSaysWhatToGrant(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ":generateAccessToken") {
			answerWith(403, `{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED"}]}}`)(w, r)
			return
		}
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	t.Cleanup(web.Close)
	file := map[string]any{
		"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": web.URL,
		"service_account_impersonation_url": web.URL + "/v1/projects/-/serviceAccounts/app@p.iam.gserviceaccount.com:generateAccessToken",
		"credential_source":                 map[string]any{"file": write(t, home, "token", canary)},
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", object(t, file)))
	_, err := loginOf(t).Token(soon(t))
	onlyClass(t, err, secrets.ErrUnauthenticated)
	for _, says := range []string{"IAM_PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied", "app@p.iam.gserviceaccount.com", "roles/iam.workloadIdentityUser"} {
		assert.ErrorContains(t, err, says)
	}
}

func TestATokenEndpointThatIsSlowHasTheReadsTime(t *testing.T) {
	var requests atomic.Int32
	pool(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		time.Sleep(2500 * time.Millisecond)
		_, _ = w.Write([]byte(token("t1", 3600)))
	})
	_, err := loginOf(t).Token(within(t, 6*time.Second))
	require.NoError(t, err)
	assert.EqualValues(t, 1, requests.Load(), "a login is not cut")
}

func TestATokenEndpointThatDoesNotAnswerIsUnavailable(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	source := map[string]any{"file": write(t, home, "token", canary)}
	for name, tt := range map[string]struct{ tokenURL, says string }{
		"refused":         {"http://" + refusedAddr(t), "refused"},
		"silent":          {"http://" + silentAddr(t), "answer"},
		"an unknown name": {"https://no-such-host.invalid", "no-such-host.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, tt.tokenURL, source)))
			_, err := loginOf(t).Token(within(t, 500*time.Millisecond))
			onlyClass(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, tt.says)
			assert.ErrorContains(t, err, tt.tokenURL)
			noCanary(t, err)
		})
	}
}

func TestATokenEndpointElsewhereIsNotAskedInTheClear(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	source := map[string]any{"file": write(t, home, "token", canary)}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, "http://user:"+canary+"@sts.example/v1/token?x="+canary, source)))
	_, err := loginOf(t).Token(soon(t))
	onlyClass(t, err, secrets.ErrInvalid)
	for _, says := range []string{"http://sts.example", "allow_http=true", "SECRETS_ALLOW_HTTP=sts.example", "in the clear"} {
		assert.ErrorContains(t, err, says)
	}
	noCanary(t, err)
	t.Run("unless the operator says so", func(t *testing.T) {
		t.Setenv("SECRETS_ALLOW_HTTP", "sts.example")
		_, err := loginOf(t).Token(within(t, 300*time.Millisecond))
		onlyClass(t, err, secrets.ErrUnavailable)
	})
}

func TestACommandThatGetsAToken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are shell scripts")
	}
	home := alone(t, "127.0.0.1:1")
	t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(token("t1", 3600))) }))
	t.Cleanup(web.Close)
	script := func(t *testing.T, text string) string {
		file := write(t, home, "get-token", "#!/bin/sh\n"+text+"\n")
		require.NoError(t, os.Chmod(file, 0o700)) // #nosec G302 -- it is to be run
		return file
	}
	for name, tt := range map[string]struct {
		command string
		class   error
		says    string
	}{
		"gives one":               {script(t, `echo '{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":"x"}'`), nil, ""},
		"is absent":               {filepath.Join(home, "absent"), secrets.ErrUnauthenticated, "absent"},
		"is a credential instead": {"--token=" + strings.Repeat(canary, 3), secrets.ErrUnauthenticated, "no file name"},
	} {
		t.Run("that "+name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, web.URL, map[string]any{"executable": map[string]any{"command": tt.command}})))
			_, err := loginOf(t).Token(soon(t))
			if tt.class == nil {
				require.NoError(t, err)
				return
			}
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, tt.says)
			noCanary(t, err)
		})
	}
	for name, tt := range map[string]struct {
		text  string
		class error
		says  string
	}{
		"refuses":               {`echo '{"version":1,"success":false,"code":"401","message":"Caller not authorized"}'`, secrets.ErrUnauthenticated, "(401) Caller not authorized"},
		"fails":                 {"echo " + canary + " >&2; exit 3", secrets.ErrUnavailable, "exit status 3"},
		"prints no JSON":        {"echo " + canary, secrets.ErrUnauthenticated, "cannot be used"},
		"prints half an answer": {`echo '{"version":1,"success":true,"id_token":"` + canary + `"}'`, secrets.ErrUnauthenticated, "cannot be used"},
	} {
		t.Run("that "+name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, web.URL, map[string]any{"executable": map[string]any{"command": script(t, tt.text)}})))
			_, err := loginOf(t).Token(soon(t))
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, tt.says)
			noCanary(t, err)
		})
	}
}

func TestATokenEndpointOnLocalhostHasToBeOnThisMachine(t *testing.T) {
	elsewhere := func(context.Context, string, string) (net.Conn, error) {
		here, _ := net.Pipe()
		return remote{here, net.TCPAddr{IP: net.IPv4(10, 0, 0, 7)}}, nil
	}
	_, err := confirmed(elsewhere)(context.WithValue(t.Context(), loopbackOnly{}, "sts.localhost"), "tcp", "sts.localhost:80")
	require.ErrorContains(t, err, "10.0.0.7")
	_, err = confirmed(elsewhere)(t.Context(), "tcp", "sts.example:443")
	require.NoError(t, err)
}
