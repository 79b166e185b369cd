package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/compute/metadata"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// https://cloud.google.com/docs/authentication/application-default-credentials
// is the chain that this file follows: the file that
// GOOGLE_APPLICATION_CREDENTIALS names, the file that gcloud writes, the
// metadata server.
//
// The first two are the client library's. The third is not: the library
// remembers for the life of the process that there is no metadata server, and
// that may only have been true while the network came up.

const (
	credentialsEnv = "GOOGLE_APPLICATION_CREDENTIALS" // #nosec G101 -- the name of a variable
	howToLogIn     = "run gcloud auth application-default login, set " + credentialsEnv + ", or attach a service account to the workload"
)

// A source is where the chain finds credentials: a file, or, if that is
// empty, the metadata server.
type source struct {
	file   string
	chosen bool // by GOOGLE_APPLICATION_CREDENTIALS
}

// findSource walks the chain. It opens no connection.
func findSource() source {
	if file := os.Getenv(credentialsEnv); file != "" {
		return source{file: file, chosen: true}
	}
	if file := gcloudFile(); file != "" {
		if _, err := os.Stat(file); err == nil {
			return source{file: file}
		}
	}
	return source{}
}

// gcloudFile is where gcloud auth application-default login leaves its result.
func gcloudFile() string {
	const name = "application_default_credentials.json"
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("APPDATA"), "gcloud", name)
	}
	home := os.Getenv("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".config", "gcloud", name)
}

func (s source) budget() time.Duration {
	if s.file == "" {
		return metadataBudget
	}
	return exchangeBudget
}

// credentials reads the file. What the library says of its content is not
// passed on: it may quote it.
func (s source) credentials() (*auth.Credentials, error) {
	if s.file == "" {
		return auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: metadataTokens{}}), nil
	}
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{
		Scopes:           secretmanager.DefaultAuthScopes(),
		UseSelfSignedJWT: true,
		// It would log tokens.
		Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		return creds, nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil, fault.New(secrets.ErrUnauthenticated, s.String()+" cannot be read; "+howToLogIn, path)
	}
	return nil, fault.New(secrets.ErrUnauthenticated, s.String()+" holds no credentials that can be used; "+howToLogIn, nil)
}

func (s source) String() string {
	if s.chosen {
		return fmt.Sprintf("the file %s that %s names", quote(s.file), credentialsEnv)
	}
	return fmt.Sprintf("the file %s of gcloud", quote(s.file))
}

// token gets an access token and says in its error what to do.
func (s source) token(ctx context.Context, creds *auth.Credentials) (*auth.Token, error) {
	token, err := creds.Token(ctx)
	if err == nil {
		return token, nil
	}
	if s.file == "" {
		return nil, absent(err)
	}
	var refused *auth.Error
	var network net.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
		return nil, s.refusal(refused)
	case errors.As(err, &network), ctx.Err() != nil:
		return nil, &fault.Error{Class: secrets.ErrUnavailable,
			Msg: "no access token for " + s.String() + ": its token endpoint does not answer", Err: networkCause(err, ctx)}
	}
	return nil, fault.New(secrets.ErrUnauthenticated, "no access token for "+s.String()+"; "+howToLogIn, nil)
}

// refusal is the error for an answer of a token endpoint that is no token. The
// answer's body is dropped, but for the code that OAuth defines.
func (s source) refusal(e *auth.Error) error {
	status := e.Response.StatusCode
	kept := &auth.Error{Response: &http.Response{StatusCode: status, Status: http.StatusText(status)}}
	if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return &fault.Error{Class: secrets.ErrUnavailable, Quiet: true, Err: kept,
			Msg: fmt.Sprintf("no access token for %s: its token endpoint answers HTTP %d", s, status)}
	}
	var body struct {
		Error string `json:"error"`
	}
	reason := fmt.Sprintf("HTTP %d", status)
	if json.Unmarshal(e.Body, &body) == nil && oauthCode.MatchString(body.Error) {
		reason = body.Error
	}
	return &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true, Err: kept,
		Msg: fmt.Sprintf("the credentials in %s were refused (%s); %s", s, reason, howToLogIn)}
}

var oauthCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// absent is the error when the chain ends at the metadata server.
func absent(err error) error {
	var status *metadata.Error
	var undefined metadata.NotDefinedError
	why := "metadata server unreachable"
	e := &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true}
	switch {
	case errors.As(err, &undefined):
		why = "metadata server has no service account"
		e.Err = undefined
	case errors.As(err, &status):
		why = fmt.Sprintf("metadata server answers HTTP %d", status.Code)
		e.Err = &metadata.Error{Code: status.Code}
		if status.Code >= 500 || status.Code == http.StatusTooManyRequests {
			e.Class = secrets.ErrUnavailable
		}
	case errors.Is(err, errNoToken):
		why = "metadata server answers something else than a token"
	default:
		e.Err = networkCause(err, nil)
	}
	e.Msg = fmt.Sprintf("no Google Cloud credentials: %s unset, gcloud's %s absent, %s; %s",
		credentialsEnv, gcloudFile(), why, howToLogIn)
	return e
}

// networkCause returns what of err says no more than where and why a
// connection failed.
func networkCause(err error, ctx context.Context) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op
	case ctx != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return nil
}

// rememberFor returns how long a failure to log in is told again.
func rememberFor(err error) time.Duration {
	if errors.Is(err, secrets.ErrUnavailable) {
		return rememberOutage
	}
	return rememberRefused
}

// metadataTokens gets the tokens of the service account that is attached to
// the workload: https://cloud.google.com/compute/docs/access/authenticate-workloads.
type metadataTokens struct{}

var errNoToken = errors.New("no token")

func (metadataTokens) Token(ctx context.Context) (*auth.Token, error) {
	query := url.Values{"scopes": {strings.Join(secretmanager.DefaultAuthScopes(), ",")}}
	client := metadata.NewWithOptions(&metadata.Options{UseDefaultClient: true})
	text, err := client.GetWithContext(ctx, "instance/service-accounts/default/token?"+query.Encode())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Seconds int    `json:"expires_in"`
	}
	if json.Unmarshal([]byte(text), &answer) != nil || answer.Token == "" || answer.Seconds <= 0 {
		return nil, errNoToken
	}
	return &auth.Token{
		Value:  answer.Token,
		Type:   answer.Type,
		Expiry: time.Now().Add(time.Duration(answer.Seconds) * time.Second),
		// So that the transport does not ask for the account's universe.
		Metadata: map[string]any{"auth.google.tokenSource": "compute-metadata"},
	}, nil
}
