package gcp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/auth"
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

func newLogin(t *testing.T) *login {
	l := new(login)
	t.Cleanup(l.close)
	return l
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
		"where the metadata server is a black hole": silentAddr,
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

			began = time.Now()
			_, again := p.Fetch(soon(t), named("db"))
			assert.Equal(t, err.Error(), again.Error())
			assert.Less(t, time.Since(began), 500*time.Millisecond, "the failure is remembered")
		})
	}
}

func TestAWaitForCredentialsEndsWithTheCallersContext(t *testing.T) {
	alone(t, silentAddr(t))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := openURI(t, "gcp://my-project").Fetch(ctx, named("db"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	onlyClass(t, err, secrets.ErrUnavailable)
	assert.Less(t, time.Since(began), time.Second)
	assert.ErrorContains(t, err, "credentials")
}

func TestTheMetadataServersAnswerIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		class  error
		says   string
	}{
		"404 is a workload without a service account": {404, canary, secrets.ErrUnauthenticated, "no service account"},
		"403 is a refusal":                            {403, canary, secrets.ErrUnauthenticated, "HTTP 403"},
		"no JSON is no token":                         {200, canary, secrets.ErrUnauthenticated, "something else than a token"},
		"an empty token is none":                      {200, token("", 3600), secrets.ErrUnauthenticated, "something else than a token"},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			_, err := newLogin(t).Token(soon(t))
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, tt.says)
			for _, e := range tree(err) {
				assert.NotContains(t, e.Error(), canary, "%T quotes the body", e)
			}
		})
	}
}

func TestOneLoginServesAllWhoWait(t *testing.T) {
	var requests atomic.Int32
	alone(t, metadataServer(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		assert.Equal(t, "Google", r.Header.Get("Metadata-Flavor"))
		assert.Contains(t, r.URL.RawQuery, "cloud-platform")
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	l := newLogin(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := l.Token(soon(t))
			if assert.NoError(t, err) {
				assert.Equal(t, "t1", got.Value)
			}
		})
	}
	all.Wait()
	_, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.EqualValues(t, 1, requests.Load())
}

func TestATokenThatEndsSoonIsRenewedBesideItsUse(t *testing.T) {
	var requests atomic.Int32
	block := make(chan struct{})
	alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			_, _ = w.Write([]byte(token("t1", 60))) // within the last minutes of its life
			return
		}
		<-block
		_, _ = w.Write([]byte(token("t2", 3600)))
	}))
	l := newLogin(t)
	for range 3 {
		got, err := l.Token(soon(t))
		require.NoError(t, err)
		assert.Equal(t, "t1", got.Value, "nobody waits for the new one")
	}
	close(block)
	require.Eventually(t, func() bool {
		got, err := l.Token(soon(t))
		return err == nil && got.Value == "t2"
	}, 5*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, 2, requests.Load())
}

func TestAMetadataServerThatComesUpLaterIsFound(t *testing.T) {
	addr := refusedAddr(t)
	alone(t, addr)
	l := newLogin(t)
	_, err := l.Token(soon(t))
	onlyClass(t, err, secrets.ErrUnauthenticated)

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip("the port is taken")
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	_ = web.Listener.Close()
	web.Listener = listener
	web.Start()
	defer web.Close()
	l.mu.Lock()
	l.until = time.Time{} // as if the failure had been remembered long enough
	l.mu.Unlock()
	got, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "t1", got.Value)
}

func TestCredentialFilesThatCannotBeUsed(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	for name, content := range map[string]string{
		"no JSON":           canary,
		"another JSON":      `{"type":"` + canary + `"}`,
		"a key that is not": `{"type":"service_account","client_email":"a@b","private_key":"` + canary + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(home, "key.json")
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			_, err := newLogin(t).Token(soon(t))
			onlyClass(t, err, secrets.ErrUnauthenticated)
			assert.ErrorContains(t, err, file)
			for _, e := range tree(err) {
				assert.NotContains(t, e.Error(), canary, "%T quotes the file", e)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(home, "absent.json"))
		_, err := newLogin(t).Token(soon(t))
		onlyClass(t, err, secrets.ErrUnauthenticated)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// serviceAccount writes the key file of a service account and returns its
// path.
func serviceAccount(t *testing.T, dir string) (file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text, err := json.Marshal(map[string]string{
		"type":             "service_account",
		"client_email":     "app@my-project.iam.gserviceaccount.com",
		"private_key":      string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"private_key_id":   "k1",
		"project_id":       "my-project",
		"token_uri":        "http://127.0.0.1:1/token",
		"quota_project_id": "quota-of-the-file",
	})
	require.NoError(t, err)
	file = filepath.Join(dir, "key.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestAServiceAccountsKeySignsItsTokensItself(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, home))
	l := newLogin(t)
	got, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.NotEmpty(t, got.Value)
	quota, err := l.quotaProject(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "quota-of-the-file", quota)

	t.Run("and a refusal has the file read again", func(t *testing.T) {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(home, "absent.json"))
		_, err := l.Token(soon(t))
		require.NoError(t, err, "as long as the token is good, nothing is read")
		l.forget()
		_, err = l.Token(soon(t))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestTokenEndpointsOfFilesAreToldApart(t *testing.T) {
	s := source{file: "/k.json", chosen: true}
	for name, tt := range map[string]struct {
		status int
		body   string
		class  error
		says   string
	}{
		"a refusal is unauthenticated, with the code of OAuth": {400, `{"error":"invalid_grant","error_description":"` + canary + `"}`, secrets.ErrUnauthenticated, "invalid_grant"},
		"a body without a code is not quoted":                  {401, canary, secrets.ErrUnauthenticated, "HTTP 401"},
		"an odd code is not quoted":                            {400, `{"error":"` + canary + `"}`, secrets.ErrUnauthenticated, "HTTP 400"},
		"an outage is unavailable":                             {503, canary, secrets.ErrUnavailable, "HTTP 503"},
		"throttling is unavailable":                            {429, canary, secrets.ErrUnavailable, "HTTP 429"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.refusal(&auth.Error{Response: &http.Response{StatusCode: tt.status}, Body: []byte(tt.body)})
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, tt.says)
			assert.ErrorContains(t, err, "/k.json")
			var sdk *auth.Error
			require.ErrorAs(t, err, &sdk)
			for _, e := range tree(err) {
				assert.NotContains(t, e.Error(), canary)
			}
		})
	}
}

func TestAClosedLoginStartsNothing(t *testing.T) {
	alone(t, silentAddr(t))
	l := new(login)
	waiting := make(chan error, 1)
	go func() {
		_, err := l.Token(context.Background())
		waiting <- err
	}()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.flight != nil
	}, 5*time.Second, time.Millisecond)
	began := time.Now()
	l.close()
	assert.Less(t, time.Since(began), time.Second, "an attempt under way is ended")
	require.Error(t, <-waiting)
	_, err := l.Token(t.Context())
	require.Error(t, err)
}
