package gcp

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/limit"
)

// A question is a login of which one request is answered with the fuzzer's
// bytes.
type question struct {
	file    string // of credentials; empty: the metadata server
	hostile string // a part of the address of that request
}

const (
	accountURL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/app@p.iam.gserviceaccount.com:generateAccessToken"
	userFile   = `{"type":"authorized_user","client_id":"id","client_secret":"s","refresh_token":"r"}`
)

// logins are the ways to an access token that need an answer. subject is a file
// with a subject token.
func logins(t testing.TB, subject string) []question {
	external := func(source string) string {
		return fmt.Sprintf(`{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",`+
			`"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://sts.googleapis.com/v1/token","service_account_impersonation_url":%q,"credential_source":%s}`, accountURL, source)
	}
	fromFile := external(fmt.Sprintf(`{"file":%q}`, subject))
	fromURL := external(`{"url":"https://issuer.example/token","format":{"type":"json","subject_token_field_name":"t"}}`)
	aws := external(`{"environment_id":"aws1","region_url":"http://169.254.169.254/region","url":"http://169.254.169.254/role","imdsv2_session_token_url":"http://169.254.169.254/session",` +
		`"regional_cred_verification_url":"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}`)
	return []question{
		{"", "token?"},
		{userFile, "oauth2.googleapis.com"},
		{fromFile, "sts."}, {fromFile, ":generateAccessToken"},
		{fromURL, "issuer.example"}, {fromURL, ""},
		{aws, "/region"}, {aws, "/role"}, {aws, "/session"},
		{fmt.Sprintf(`{"type":"impersonated_service_account","service_account_impersonation_url":%q,"source_credentials":%s}`, accountURL, userFile), ":generateAccessToken"},
	}
}

// wellAnswered is what Google's servers, and those of others, answer.
func wellAnswered(req *http.Request) []byte {
	path := req.URL.Path
	switch {
	case strings.HasSuffix(path, ":generateAccessToken"):
		return answers.HTTP(200, `{"accessToken":"x","expireTime":"2100-01-02T03:04:05Z"}`)
	case strings.HasSuffix(path, "/region"):
		return answers.HTTP(200, "eu-west-1a")
	case strings.HasSuffix(path, "/role"):
		return answers.HTTP(200, "app")
	case strings.HasSuffix(path, "/role/app"):
		return answers.HTTP(200, `{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c"}`)
	case strings.Contains(req.URL.Host, "issuer"):
		return answers.HTTP(200, `{"t":"x"}`)
	}
	return answers.HTTP(200, `{"access_token":"x","token_type":"Bearer","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}`)
}

// FuzzAnswerToALogin answers one of the requests of a login with the fuzzer's
// bytes: a token endpoint, the metadata server, STS, the issuer of a subject
// token, AWS's metadata, an impersonation.
func FuzzAnswerToALogin(f *testing.F) {
	dir := f.TempDir()
	subject := filepath.Join(dir, "subject")
	require.NoError(f, os.WriteFile(subject, []byte("jwt"), 0o600))
	questions := logins(f, subject)
	files := make([]string, len(questions))
	for i, q := range questions {
		if q.file != "" {
			files[i] = filepath.Join(dir, fmt.Sprint(i, ".json"))
			require.NoError(f, os.WriteFile(files[i], []byte(q.file), 0o600))
		}
		for status, body := range map[int]string{
			200: `{"access_token":"x","accessToken":"x","token_type":"Bearer","expires_in":3600,"expireTime":"2100-01-02T03:04:05Z","t":"x","issued_token_type":"y"}`,
			201: `{"access_token":1,"expires_in":"1e400","expireTime":"soon"}`, 204: "", 302: "", 400: `{"error":"invalid_grant","error_description":"Bad Request"}`,
			403: `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no","details":[{"reason":"IAM_PERMISSION_DENIED"},7]}}`, 404: `<html>`, 429: `{"error":[]}`, 500: ``, 503: `null`,
		} {
			f.Add(byte(i), answers.HTTP(status, body, "Retry-After: 99999999999999999999", "Location: http://user:x@127.0.0.1:1/%zz"))
		}
		f.Add(byte(i), answers.HTTP(200, `{"access_token":"x","accessToken":"x","expires_in":1e300,"expireTime":"9999-12-31T23:59:59Z"}`))
		f.Add(byte(i), answers.HTTP(200, `{"token":"x"}`))
		f.Add(byte(i), answers.HTTP(200, `{"access_token":`+strings.Repeat("[", 20_000)))
		f.Add(byte(i), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"acc\r\n"))
	}
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		i := int(which) % len(questions)
		synctest.Test(t, func(t *testing.T) { // the library waits between its tries
			answers.Within(t, len(answer), func(ctx context.Context) {
				s, err := loginWith(ctx, questions[i], files[i], answer)
				answers.Check(t, err)
				if err == nil {
					assert.True(t, sendable(s.token.Value))
					assert.True(t, good(s.token, time.Now(), 0) || !s.token.Expiry.IsZero())
				}
			})
		})
	})
}

// loginWith logs in with a file of credentials, with an answer to the one
// request in question.
func loginWith(ctx context.Context, q question, file string, answer []byte) (*session, error) {
	next := roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		if strings.Contains(req.URL.String(), q.hostile) {
			return answers.Parse(answer, req)
		}
		return answers.Parse(wellAnswered(req), req)
	})
	x := &exchange{asks: func(string) {}, next: &limit.Transport{Next: next, Max: maxTokenAnswer}}
	client := &http.Client{Transport: x, CheckRedirect: stay}
	if q.file != "" {
		return source{file: file, chosen: true}.exchanged(ctx, new(files), x, client)
	}
	m := &metadataSource{asks: func(string) {}}
	token, err := m.ask(ctx, x, client)
	return &session{token: token}, err
}

// FuzzAnswerOfACommand reads what a command writes in place of a subject token.
func FuzzAnswerOfACommand(f *testing.F) {
	f.Add([]byte(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":"x","expiration_time":4102444800}`), true)
	f.Add([]byte(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:saml2","saml_response":"x"}`), false)
	f.Add([]byte(`{"version":1,"success":false,"code":"401","message":"no"}`), false)
	f.Add([]byte(`[`), false)
	f.Fuzz(func(t *testing.T, text []byte, kept bool) {
		token, err := commandToken(text, kept)
		if (err == nil) != (token != "") {
			t.Fatalf("token %q, error %v", token, err)
		}
	})
}
