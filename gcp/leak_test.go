package gcp

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	watched "github.com/go-secrets/secrets/internal/canary"
)

// noCanary looks for the canary in an error: in its text, in the text of all
// that it wraps, and in every field that reflection reaches.
func noCanary(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, hidden := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), base64.RawURLEncoding.EncodeToString([]byte(canary))} {
		for _, e := range tree(err) {
			assert.NotContains(t, e.Error(), hidden, "%T says it", e)
			assert.NotContains(t, fmt.Sprintf("%+v %#v", e, e), hidden, "%T prints it", e)
		}
		if path := find(reflect.ValueOf(err), hidden, "err", map[uintptr]bool{}); path != "" {
			t.Errorf("%s holds the canary", path)
		}
	}
}

// find returns the path to a string or bytes with text in it, in what v leads
// to, unexported fields included.
func find(v reflect.Value, text, path string, seen map[uintptr]bool) string {
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), text) {
			return path
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || (v.Kind() == reflect.Pointer && seen[v.Pointer()]) {
			return ""
		}
		if v.Kind() == reflect.Pointer {
			seen[v.Pointer()] = true
		}
		return find(v.Elem(), text, path, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if p := find(v.Field(i), text, path+"."+v.Type().Field(i).Name, seen); p != "" {
				return p
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			if strings.Contains(string(b), text) {
				return path
			}
			return ""
		}
		for i := range v.Len() {
			if p := find(v.Index(i), text, fmt.Sprintf("%s[%d]", path, i), seen); p != "" {
				return p
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			for _, part := range []reflect.Value{k, v.MapIndex(k)} {
				if p := find(part, text, path+"[…]", seen); p != "" {
					return p
				}
			}
		}
	}
	return ""
}

// notNames are what people put where the name of a file belongs.
func notNames(t *testing.T) map[string]string {
	key := `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\n` + canary + `\n-----END PRIVATE KEY-----\n"}`
	return map[string]string{
		"the JSON key":                key,
		"the JSON key on many lines":  strings.ReplaceAll(key, ",", ",\n  "),
		"the JSON key in base64":      base64.StdEncoding.EncodeToString([]byte(key)),
		"the JSON key in base64url":   base64.RawURLEncoding.EncodeToString([]byte(key)),
		"a PEM key":                   "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n",
		"a PEM key on one line":       `-----BEGIN PRIVATE KEY-----\n` + canary,
		"a token":                     "ya29." + canary + "-" + strings.Repeat("x", 100),
		"a JWT":                       "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(canary)) + ".sig",
		"a very long text":            strings.Repeat(canary, 1000),
		"a URL with a password":       "https://user:" + canary + "@example.com/key.json",
		"a path with a line break":    "/run/secrets/x\n" + canary,
		"a text that begins like one": "/" + base64.StdEncoding.EncodeToString([]byte(canary+canary)) + "/x",
	}
}

func TestACredentialInPlaceOfAFilesNameIsNotPrinted(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	subject := write(t, home, "token", "x")
	at := func(source map[string]any) string {
		return write(t, home, "pool.json", externalAccount(t, "https://127.0.0.1:1/token", source))
	}
	for what, text := range notNames(t) {
		for where, set := range map[string]func(t *testing.T){
			"GOOGLE_APPLICATION_CREDENTIALS": func(t *testing.T) { t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", text) },
			"credential_source.file": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"file": text}))
			},
			"credential_source.url": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"url": text}))
			},
			"credential_source.format": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"file": subject, "format": map[string]any{"type": text}}))
			},
			"credential_source.environment_id": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"environment_id": "aws1", "region_url": text, "url": text}))
			},
			"credential_source.executable": func(t *testing.T) {
				t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"executable": map[string]any{"command": text, "output_file": text}}))
			},
			"credential_source.certificate": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"certificate": map[string]any{"certificate_config_location": text, "trust_chain_path": text}}))
			},
			"GOOGLE_API_CERTIFICATE_CONFIG": func(t *testing.T) {
				t.Setenv("GOOGLE_API_CERTIFICATE_CONFIG", text)
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at(map[string]any{"certificate": map[string]any{"use_default_certificate_config": true}}))
			},
			"GOOGLE_API_CERTIFICATE_CONFIG of the connection": func(t *testing.T) {
				t.Setenv("GOOGLE_API_CERTIFICATE_CONFIG", text)
				t.Setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "true")
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, home))
			},
			"token_url": func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, home, "pool.json", externalAccount(t, text, map[string]any{"file": subject})))
			},
			"GCE_METADATA_HOST": func(t *testing.T) { t.Setenv("GCE_METADATA_HOST", text) },
		} {
			t.Run(where+" holds "+what, func(t *testing.T) {
				set(t)
				p := openURI(t, "gcp://my-project?endpoint=https://127.0.0.1:1")
				_, err := p.Fetch(within(t, 5*time.Second), named("db"))
				noCanary(t, err)
				if where == "GOOGLE_APPLICATION_CREDENTIALS" {
					onlyClass(t, err, secrets.ErrUnauthenticated)
					assert.ErrorContains(t, err, "GOOGLE_APPLICATION_CREDENTIALS")
					assert.ErrorContains(t, err, fmt.Sprintf("(%d bytes)", len(text)))
				}
			})
		}
	}
}

func TestUserinfoOfAnEndpointIsNotPrinted(t *testing.T) {
	for _, endpoint := range []string{
		"https://user:" + canary + "@sm.example:443", "http://" + canary + "@127.0.0.1:1", "user:" + canary + "@sm.example:443",
		canary + "@sm.example", "https://sm.example/?key=" + canary, "https://sm.example/#" + canary, "https://sm.example:443/" + strings.Repeat(canary, 10), "ftp://u:" + canary + "@x",
		"https://user:" + canary + "@sm.example:99999", "//user:" + canary + "@sm.example", "https://us er:" + canary + "@x",
	} {
		t.Run(endpoint, func(t *testing.T) {
			_, err := targetOf(map[string]string{"endpoint": endpoint})
			onlyClass(t, err, secrets.ErrInvalid)
			noCanary(t, err)
			assert.ErrorContains(t, err, "option endpoint")
			t.Setenv("SECRET_MANAGER_EMULATOR_HOST", endpoint)
			_, err = targetOf(nil)
			onlyClass(t, err, secrets.ErrInvalid)
			noCanary(t, err)
			assert.ErrorContains(t, err, "SECRET_MANAGER_EMULATOR_HOST")
		})
	}
}

func TestAProxysCredentialsAreNotPrinted(t *testing.T) {
	t.Parallel()
	pool := externalAccount(t, "https://sts.example/v1/token", map[string]any{"file": write(t, t.TempDir(), "token", "x")})
	for name, tt := range map[string]struct{ proxy, key string }{
		"one that refuses":                 {"http://user:" + canary + "@127.0.0.1:1", ""},
		"one that is no URL":               {"http://user:" + canary + "@127.0.0.1:port", ""},
		"one that is no URL, at the login": {"http://user:" + canary + "@127.0.0.1:port", pool},
		"one that refuses, at the login":   {"http://user:" + canary + "@127.0.0.1:1", pool},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			key := serviceAccount(t, dir)
			if tt.key != "" {
				key = write(t, dir, "pool.json", tt.key)
			}
			outcomes, log := inChild(t, []string{"HTTPS_PROXY=" + tt.proxy, "GOOGLE_APPLICATION_CREDENTIALS=" + key}, "gcp://my-project", "gcp://my-project/db")
			require.NotEmpty(t, outcomes[0].Error)
			assert.NotContains(t, outcomes[0].Error+outcomes[0].Deep+log, canary)
		})
	}
}

func TestAnOpenedProvidersTokenIsOutOfReachOfPrinters(t *testing.T) {
	if watched.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	alone(t, metadataServer(t, answerWith(200, token(canary, 3600))))
	p := openURI(t, "gcp://my-project")
	_, err := p.clients.login.Token(soon(t))
	require.NoError(t, err)
	_, err = p.Fetch(within(t, 300*time.Millisecond), named("db")) // there is no such host, or no network
	require.Error(t, err)
	assert.NotContains(t, spew.Sdump(p), canary)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", p, p), canary)
	assert.Empty(t, find(reflect.ValueOf(p), canary, "p", map[uintptr]bool{}))
}
