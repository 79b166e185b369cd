package awstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Trouble is what goes wrong with a credential source, or with a service, at
// first.
type Trouble struct {
	Until  time.Time     // answers are Status until then
	Status int           // 400 with the code Throttling, or 503
	Slow   time.Duration // before every answer
	Late   time.Duration // nothing listens before; for NewSource
}

// A Source gives credentials as STS, the SSO portal, the endpoint of a
// container and instance metadata do, one for all. The credentials end in an
// hour.
type Source struct {
	URL string

	mu      sync.Mutex
	trouble Trouble
	calls   int
}

// NewSource starts a source on a loopback port, which ends with the test.
func NewSource(t testing.TB, trouble Trouble) *Source {
	t.Helper()
	s := &Source{trouble: trouble}
	port := Reserve(t)
	s.URL = "http://" + port.Addr
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = server.Close() })
	serve := func() {
		if l, err := port.Listen(); err == nil {
			go func() { _ = server.Serve(l) }()
		}
	}
	if trouble.Late == 0 {
		serve()
		return s
	}
	timer := time.AfterFunc(trouble.Late, serve)
	t.Cleanup(func() { timer.Stop() })
	return s
}

// Calls is how many requests were made.
func (s *Source) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *Source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls++
	trouble := s.trouble
	s.mu.Unlock()
	if trouble.Slow > 0 {
		select {
		case <-time.After(trouble.Slow):
		case <-r.Context().Done():
			return
		}
	}
	if time.Now().Before(trouble.Until) {
		trouble.write(w, r)
		return
	}
	end := time.Now().Add(time.Hour)
	switch {
	case strings.HasPrefix(r.URL.Path, "/federation/credentials"):
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"x","sessionToken":"y","expiration":%d}}`, end.UnixMilli())
	case r.URL.Path == "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = fmt.Fprint(w, "token")
	case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
		_, _ = fmt.Fprint(w, "role")
	case strings.HasPrefix(r.URL.Path, "/latest/"):
		_, _ = fmt.Fprintf(w, `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAIMDS","SecretAccessKey":"x","Token":"y","Expiration":%q,"LastUpdated":"2020-01-01T00:00:00Z"}`, end.UTC().Format(time.RFC3339))
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":"ASIACONTAINER","SecretAccessKey":"x","Token":"y","Expiration":%q}`, end.UTC().Format(time.RFC3339))
	default:
		_ = r.ParseForm()
		action := r.Form.Get("Action")
		_, _ = fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIASTS</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>%[2]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
			action, end.UTC().Format(time.RFC3339))
	}
}

// write answers as a source in trouble does.
func (tr Trouble) write(w http.ResponseWriter, r *http.Request) {
	code := "ServiceUnavailable"
	if tr.Status == http.StatusBadRequest {
		code = "Throttling"
	}
	if r.Method == http.MethodPost {
		w.WriteHeader(tr.Status)
		_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Receiver</Type><Code>%s</Code><Message>in trouble</Message></Error></ErrorResponse>`, code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(tr.Status)
	_, _ = fmt.Fprintf(w, `{"code":%q,"message":"in trouble"}`, code)
}

// Answering starts a server that answers every request the same, as text. It
// ends with the test.
func Answering(t testing.TB, status int, body string, header ...string) string {
	t.Helper()
	return Serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
}

// Serving starts a server on a loopback port, which ends with the test.
func Serving(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL
}
