package gcp

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/compute/metadata"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// alone takes every credential of the machine away from the test.
func alone(t *testing.T, metadataHost string) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("APPDATA", home)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("GCE_METADATA_HOST", metadataHost)
	return home
}

// metadataServer answers for tokens with handler.
func metadataServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

func token(value string, seconds int) string {
	return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, value, seconds)
}

// refusedAddr returns an address where nobody listens.
func refusedAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// silentAddr returns an address that accepts connections and says nothing.
func silentAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func TestNoDefaultCredentialsIsToldWithinTwoSeconds(t *testing.T) {
	for name, host := range map[string]func(*testing.T) string{
		"where the metadata server is refused":      refusedAddr,
		"where the metadata server is a black hole": blackHole,
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, host(t))
			p := openURI(t, "gcp://my-project")
			began := time.Now()
			_, err := p.Fetch(soon(t), named("db"))
			assert.Less(t, time.Since(began), 2*time.Second)
			onlyClass(t, err, secrets.ErrUnauthenticated)
			for _, part := range []string{"GOOGLE_APPLICATION_CREDENTIALS unset", "application_default_credentials.json absent", "metadata server unreachable", "gcloud auth application-default login"} {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestAMetadataServerThatTakesItsTimeIsWaitedFor(t *testing.T) {
	t.Run("to answer, for as long as the read has", func(t *testing.T) {
		alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(2500 * time.Millisecond)
			_, _ = w.Write([]byte(token("t1", 3600)))
		}))
		got, err := loginOf(t).Token(soon(t))
		require.NoError(t, err)
		assert.Equal(t, "t1", got.Value)
	})
	t.Run("to start, for a second", func(t *testing.T) {
		addr := refusedAddr(t)
		alone(t, addr)
		l := loginOf(t)
		got := make(chan error, 1)
		go func() {
			_, err := l.Token(soon(t))
			got <- err
		}()
		time.Sleep(time.Second)
		listenAt(t, addr, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(token("t1", 3600))) })
		require.NoError(t, <-got)
	})
	t.Run("and one that accepts and says nothing is unavailable", func(t *testing.T) {
		alone(t, silentAddr(t))
		_, err := loginOf(t).Token(within(t, 3*time.Second))
		onlyClass(t, err, secrets.ErrUnavailable)
	})
	t.Run("and on a machine of Google's one that is not up is unavailable, so that it is tried again", func(t *testing.T) {
		alone(t, refusedAddr(t))
		_, err := (&metadataSource{onGoogle: true, asks: func(string) {}}).token(within(t, 100*time.Millisecond))
		onlyClass(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "metadata server")
		assert.ErrorContains(t, err, "refused")
	})
}

func TestTheMetadataServersAnswerIsTold(t *testing.T) {
	const denied = "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
	for name, tt := range map[string]struct {
		status int
		body   string
		class  error
		says   []string
	}{
		"404 is a workload without a service account":         {404, canary, secrets.ErrUnauthenticated, []string{"no service account"}},
		"403 is a refusal, with the server's words":           {403, denied, secrets.ErrUnauthenticated, []string{"HTTP 403", "Permission 'iam.serviceAccounts.getAccessToken' denied", "roles/iam.workloadIdentityUser"}},
		"403 in the form of Google's APIs has its code":       {403, `{"error":{"code":403,"message":"no such binding","status":"PERMISSION_DENIED"}}`, secrets.ErrUnauthenticated, []string{"PERMISSION_DENIED: no such binding"}},
		"400 is a refusal, without a page's text":             {400, "<html>" + canary + "</html>", secrets.ErrUnauthenticated, []string{"HTTP 400"}},
		"429 is throttled":                                    {429, "", secrets.ErrThrottled, []string{"HTTP 429"}},
		"no JSON is no token, and no word on the credentials": {200, canary, secrets.ErrUnavailable, []string{"something else than a token"}},
		"an empty token is none":                              {200, token("", 3600), secrets.ErrUnavailable, []string{"something else than a token"}},
		"a token that is over is none":                        {200, token(canary, -1), secrets.ErrUnavailable, []string{"something else than a token"}},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			_, err := loginOf(t).Token(soon(t))
			onlyClass(t, err, tt.class)
			for _, says := range tt.says {
				assert.ErrorContains(t, err, says)
			}
			noCanary(t, err)
			if tt.status == 429 {
				var wait interface{ RetryAfter() time.Duration }
				require.ErrorAs(t, err, &wait)
				assert.Equal(t, 7*time.Second, wait.RetryAfter())
				var sdk *metadata.Error
				require.ErrorAs(t, err, &sdk)
				assert.Equal(t, 429, sdk.Code)
			}
		})
	}
}

func TestAnOutageOfTheMetadataServerIsUnavailable(t *testing.T) {
	alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	_, err := loginOf(t).Token(within(t, 500*time.Millisecond))
	onlyClass(t, err, secrets.ErrUnavailable)
}

func TestAMetadataServerThatFailsIsAskedOnceByATryAndToldByItsAnswer(t *testing.T) {
	for status, class := range map[int]error{429: secrets.ErrThrottled, 503: secrets.ErrUnavailable} {
		var asked atomic.Int32
		alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(status)
		}))
		_, err := loginOf(t).Token(within(t, 500*time.Millisecond))
		onlyClass(t, err, class)
		assert.ErrorContains(t, err, "the metadata server 127.0.0.1:")
		assert.ErrorContains(t, err, fmt.Sprintf("answers HTTP %d", status))
		assert.EqualValues(t, 1, asked.Load())
	}
}

func TestATokensTimeIsBelievedForADay(t *testing.T) {
	now := time.Now()
	for text, want := range map[string]time.Duration{
		token("t", 3600): time.Hour,
		`{"access_token":"t","expires_in":3599.5}`:               3599*time.Second + 500*time.Millisecond,
		`{"access_token":"t","expires_in":9223372036854775807}`:  24 * time.Hour,
		`{"access_token":"t","expires_in":253402300799}`:         24 * time.Hour,
		`{"access_token":"t","expires_in":1e300}`:                24 * time.Hour,
		`{"access_token":"t","expires_in":9223372036.854775807}`: 24 * time.Hour,
	} {
		got, err := parseToken(text, now)
		require.NoError(t, err, text)
		assert.Equal(t, now.Add(want), got.Expiry, text)
	}
}

func TestAMetadataServerElsewhereIsNotAskedInTheClear(t *testing.T) {
	alone(t, "metadata.example:80")
	_, err := loginOf(t).Token(soon(t))
	onlyClass(t, err, secrets.ErrInvalid)
	for _, says := range []string{"GCE_METADATA_HOST", "SECRETS_ALLOW_HTTP=metadata.example", "allow_http=true"} {
		assert.ErrorContains(t, err, says)
	}
	for _, host := range []string{"169.254.169.254", "169.254.169.252", "metadata.google.internal", "METADATA.google.internal.", "fe80::1", "fd00:ec2::254"} {
		assert.True(t, metadataHost(host), "%s is a metadata server's", host)
	}
	for _, host := range []string{"metadata", "metadata.google.internal.example", "169.254.169.254.example", "10.0.0.1", "fd00:ec2::253"} {
		assert.False(t, metadataHost(host), "%s may be anybody's", host)
	}
}

func TestARedirectOfTheMetadataServerIsNotFollowed(t *testing.T) {
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	t.Cleanup(other.Close)
	alone(t, metadataServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://user:"+canary+"@"+other.Listener.Addr().String(), http.StatusFound)
	}))
	_, err := loginOf(t).Token(soon(t))
	onlyClass(t, err, secrets.ErrUnavailable)
	noCanary(t, err)
	assert.Zero(t, followed.Load())
}
