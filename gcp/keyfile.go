package gcp

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// A keyFile is what is looked at in a file of credentials before the client
// library gets it: what the library says of a file it cannot use may quote it,
// so its words are not passed on.
type keyFile struct {
	Type              string          `json:"type"`
	PrivateKey        string          `json:"private_key"`
	RefreshToken      string          `json:"refresh_token"`
	Audience          string          `json:"audience"`
	SubjectTokenType  string          `json:"subject_token_type"`
	ImpersonationURL  string          `json:"service_account_impersonation_url"`
	CredentialSource  *subjectSource  `json:"credential_source"`
	SourceCredentials json.RawMessage `json:"source_credentials"`
	Installed         json.RawMessage `json:"installed"`
	Web               json.RawMessage `json:"web"`
}

// A subjectSource is where an external account has its token from.
type subjectSource struct {
	File        string          `json:"file"`
	Executable  json.RawMessage `json:"executable"`
	Certificate json.RawMessage `json:"certificate"`
}

// types are those of files of credentials,
// https://google.aip.dev/auth/4110 and the pages around it.
var types = []string{
	string(credentials.ServiceAccount), string(credentials.AuthorizedUser), string(credentials.ExternalAccount),
	string(credentials.ExternalAccountAuthorizedUser), string(credentials.ImpersonatedServiceAccount), string(credentials.GDCHServiceAccount),
}

// unusable is the error about a file that holds no credentials.
func (s source) unusable(why string) error {
	return fault.New(secrets.ErrUnauthenticated, s.String()+" "+why+"; "+howToLogIn, nil)
}

// credentials reads the file. The requests for a token go through client, which
// is that of x.
func (s source) credentials(ctx context.Context, from *files, x *exchange, client *http.Client) (*auth.Credentials, error) {
	data, err := from.read(ctx, s.file)
	if err != nil {
		return nil, s.unreadable(err)
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\uFEFF")))
	key, err := s.parse(ctx, data)
	if err != nil {
		return nil, err
	}
	if data, x.command, err = takeCommand(data); err != nil {
		return nil, s.unusable("cannot be used: " + err.Error())
	}
	opts := &credentials.DetectOptions{
		Scopes:           secretmanager.DefaultAuthScopes(),
		UseSelfSignedJWT: true,
		Client:           client,
		// It would log tokens.
		Logger: slog.New(slog.DiscardHandler),
	}
	if key.CredentialSource != nil && len(key.CredentialSource.Certificate) > 0 {
		opts.Client = nil // the library makes one that has the certificate
	}
	creds, err := credentials.NewCredentialsFromJSON(credentials.CredType(key.Type), data, opts)
	if err != nil {
		return nil, s.unusable("holds no credentials that can be used: a field is missing or malformed")
	}
	return creds, nil
}

// unreadable is the error about a file that cannot be read.
func (s source) unreadable(err error) error {
	if s.chosen && !namedfile.Plausible(s.file) {
		return &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true, Err: err,
			Msg: credentialsEnv + " holds " + namedfile.Show(s.file) + ": it names the file that has the key, so write the key into a file and set the variable to its path"}
	}
	e := &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true, Err: err, Msg: s.String() + " " + why(err) + "; " + howToLogIn}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Class, e.Msg = secrets.ErrUnavailable, s.String()+" "+why(err)
	}
	return e
}

// parse looks at what the file holds, and at what the credentials in it need
// on this machine.
func (s source) parse(ctx context.Context, data []byte) (*keyFile, error) {
	var key keyFile
	switch err := json.Unmarshal(data, &key); {
	case len(data) == 0:
		return nil, s.unusable("is empty")
	case err != nil:
		return nil, s.unusable(notJSON(data))
	case key.Type == "" && (len(key.Installed) > 0 || len(key.Web) > 0):
		return nil, s.unusable("is the file of an OAuth client (it has installed or web), with which users log in to a program, not a program to Google")
	case key.Type == "":
		return nil, s.unusable("is no file of Google credentials: it has no field type")
	case !slices.Contains(types, key.Type):
		return nil, s.unusable("has a type that is none of " + strings.Join(types, ", "))
	}
	for inner := &key; ; {
		if why := inner.lacks(); why != "" {
			return nil, s.unusable(why)
		}
		if err := s.checkSubject(ctx, inner.CredentialSource); err != nil {
			return nil, err
		}
		if inner.Type != string(credentials.ImpersonatedServiceAccount) {
			return &key, nil
		}
		var next keyFile
		if json.Unmarshal(inner.SourceCredentials, &next) != nil {
			return nil, s.unusable("has source_credentials that are none")
		}
		if next.CredentialSource != nil {
			key.CredentialSource = next.CredentialSource
		}
		inner = &next
	}
}

// notJSON says what a file holds in place of JSON.
func notJSON(data []byte) string {
	switch {
	case bytes.Contains(data, []byte("-----BEGIN")):
		return "holds a PEM block; what is needed is the whole JSON file of the key, of which it is one field"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return "is in UTF-16; save it as UTF-8"
	case bytes.HasPrefix(data, []byte{0x30, 0x82}):
		return "is a key in PKCS #12 (.p12); make one of type JSON"
	case !bytes.HasPrefix(data, []byte("{")) && len(bytes.Fields(data)) == 1:
		return "is not JSON but one word; if it is base64, decode it"
	}
	return "is not JSON, or is cut off"
}

// lacks says what is missing of a file's type, or nothing.
func (k *keyFile) lacks() string {
	switch credentials.CredType(k.Type) {
	case credentials.ServiceAccount:
		block, _ := pem.Decode([]byte(k.PrivateKey))
		switch {
		case k.PrivateKey == "":
			return "has no private_key"
		case block == nil:
			return "has a private_key that is no PEM block; in JSON its line breaks are \\n, once"
		}
	case credentials.AuthorizedUser:
		if k.RefreshToken == "" {
			return "has no refresh_token"
		}
	case credentials.ExternalAccount:
		if k.Audience == "" || k.SubjectTokenType == "" || k.CredentialSource == nil {
			return "lacks one of audience, subject_token_type and credential_source, which an external account needs"
		}
	case credentials.ImpersonatedServiceAccount:
		if k.ImpersonationURL == "" || len(k.SourceCredentials) == 0 {
			return "lacks service_account_impersonation_url or source_credentials, which impersonation needs"
		}
	}
	return ""
}

// allowExecutables lets files of credentials name a command.
const allowExecutables = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"

// checkSubject looks at the file from which an external account has its
// token, which the library would open without care: a pipe would hang it.
func (s source) checkSubject(ctx context.Context, from *subjectSource) error {
	switch {
	case from == nil:
	case len(from.Executable) > 0 && os.Getenv(allowExecutables) != "1":
		return s.unusable("names a command that gets its token; set " + allowExecutables + "=1 to allow that")
	case from.File != "":
		fi, err := os.Stat(from.File)
		if err == nil && namedfile.IsPipe(fi.Mode()) {
			return s.noSubject(from.File, "is a FIFO, and is read at each login: make it a file", namedfile.ErrKind)
		}
		data, err := namedfile.Read(ctx, from.File, namedfile.Options{})
		switch {
		case err != nil:
			return s.noSubject(from.File, why(err), err)
		case len(bytes.TrimSpace(data)) == 0:
			return s.noSubject(from.File, "is empty", nil)
		}
	}
	return nil
}

// noSubject is the error about the file of a subject token.
func (s source) noSubject(file, why string, cause error) error {
	e := &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true, Err: cause,
		Msg: "no access token for " + s.String() + ": the subject token's file, " + namedfile.Show(file) + " in its credential_source, " + why}
	if errors.Is(cause, context.DeadlineExceeded) {
		e.Class = secrets.ErrUnavailable
	}
	return e
}
