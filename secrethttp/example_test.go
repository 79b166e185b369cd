package secrethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secrethttp"
	"github.com/go-secrets/secrets/secretstest"
)

// Every request has the current credential. One that is refused while the
// secret is rotated waits for the next version, and is sent once more.
func ExampleNew() {
	provider := secretstest.NewProvider(map[string]string{"api/token": "one"})
	provider.Disable(secretstest.Watch) // as a manager that is polled
	r := secrets.New(provider, secrets.WithLogger(nil))
	defer r.Close()

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer two" { // the API has been rotated
			provider.Set("api/token", "two") // and then the secret
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "hello")
	}))
	defer api.Close()

	client := &http.Client{Transport: secrethttp.New(r, "api/token", secrethttp.Bearer(),
		secrethttp.WithHosts("127.0.0.1"), secrethttp.WithWait(5*time.Second))}
	answer, err := client.Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body), err)
	// Output:
	// 200 hello <nil>
}

// How a credential is set on a request.
func ExampleCredential() {
	ctx := context.Background()
	r := secrets.New(secretstest.NewProvider(map[string]string{
		"token": "t1", "db": `{"username":"app","password":"p1"}`, "password": "p1",
	}))
	defer r.Close()
	for _, way := range []struct {
		name string
		set  secrethttp.Credential
	}{
		{"token", secrethttp.Bearer()},
		{"token", secrethttp.Header("X-API-Key")},
		{"db", secrethttp.Basic()},
		{"password", secrethttp.BasicUser("app")},
	} {
		s, _ := r.Get(ctx, way.name)
		h := make(http.Header)
		err := way.set(h, s)
		for key := range h {
			fmt.Println(key, h.Get(key), err)
		}
	}
	// Output:
	// Authorization Bearer t1 <nil>
	// X-Api-Key t1 <nil>
	// Authorization Basic YXBwOnAx <nil>
	// Authorization Basic YXBwOnAx <nil>
}

// A base transport of one's own, with its timeouts and certificates.
func ExampleWithBase() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"api/token": "one"}))
	defer r.Close()
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, req.Header.Get("Authorization"))
	}))
	defer api.Close()

	base := http.DefaultTransport.(*http.Transport).Clone()
	base.ResponseHeaderTimeout = 10 * time.Second
	base.TLSClientConfig = api.Client().Transport.(*http.Transport).TLSClientConfig // trusts the server's certificate
	transport := secrethttp.New(r, "api/token", secrethttp.Bearer(), secrethttp.WithBase(base))
	defer transport.CloseIdleConnections() // the base's

	client := &http.Client{Transport: transport}
	answer, err := client.Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(string(body), err)
	// Output:
	// Bearer one <nil>
}

// The page is for operators: mount it where only they come. ?healthy is for
// probes.
func ExampleStatusHandler() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"db/password": "p1"}))
	defer r.Close()
	_, _ = r.Get(context.Background(), "db/password")

	admin := http.NewServeMux()
	admin.Handle("/debug/secrets", secrethttp.StatusHandler(r, secrethttp.AllowRefresh()))

	answer := httptest.NewRecorder()
	admin.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost:6060/debug/secrets?healthy", nil))
	fmt.Println(answer.Code, strings.Contains(answer.Body.String(), `"state": "fresh"`))
	answer = httptest.NewRecorder()
	admin.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "http://localhost:6060/debug/secrets?refresh=db/password", nil))
	fmt.Println(answer.Code)
	// Output:
	// 200 true
	// 200
}

// A service that says 403 of a credential that was replaced.
func ExampleWithRefusal() {
	tokens := secretstest.NewProvider(map[string]string{"api/token": "one"})
	r := secrets.New(tokens)
	defer r.Close()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer two" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer service.Close()

	client := &http.Client{Transport: secrethttp.New(r, "api/token", secrethttp.Bearer(), secrethttp.WithRefusal(func(resp *http.Response) bool {
		return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	}))}
	_, _ = r.Get(context.Background(), "api/token")
	tokens.Set("api/token", "two")
	resp, err := client.Get(service.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output: 200
}

// Plain http to another machine is refused, unless that is allowed for a
// service in a network of its own, as one of a compose file.
func ExampleWithPlainHTTP() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"api/token": "one"}))
	defer r.Close()
	service := roundTrip(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
	})
	for _, opts := range [][]secrethttp.Option{{}, {secrethttp.WithPlainHTTP("api.internal:8080")}} {
		client := &http.Client{Transport: secrethttp.New(r, "api/token", secrethttp.Bearer(), append(opts, secrethttp.WithBase(service))...)}
		_, err := client.Get("http://api.internal:8080/")
		fmt.Println(errors.Is(err, secrets.ErrInvalid))
	}
	// Output:
	// true
	// false
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// The status is asked for by a name of its own, beside addresses and localhost.
func ExampleAllowHosts() {
	r := secrets.New(secretstest.NewProvider(nil))
	defer r.Close()
	status := secrethttp.StatusHandler(r, secrethttp.AllowHosts("status.internal"))
	for _, host := range []string{"10.1.2.3:6060", "status.internal:6060", "elsewhere.example"} {
		req := httptest.NewRequest(http.MethodGet, "http://"+host+"/secrets", nil)
		answer := httptest.NewRecorder()
		status.ServeHTTP(answer, req)
		fmt.Println(host, answer.Code)
	}
	// Output:
	// 10.1.2.3:6060 200
	// status.internal:6060 200
	// elsewhere.example 421
}
