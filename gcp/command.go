package gcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials"

	"github.com/go-secrets/secrets/internal/limit"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// A command gets the subject token of an external account:
// https://google.aip.dev/auth/4117#determining-the-subject-token-in-executable-sourced-credentials.
// The client library would read all that it writes. So it is run here, and the
// library gets the token by a request that never leaves this process.
type command struct {
	Line       string `json:"command"`
	Millis     int    `json:"timeout_millis"`
	OutputFile string `json:"output_file"`

	environment []string
}

// commandURL is the address of that request. There is no such host (RFC 2606).
const commandURL = "https://command.invalid/"

const (
	commandTime      = 30 * time.Second // if the file says none
	leastCommandTime = 5 * time.Second
	mostCommandTime  = 120 * time.Second
)

// takeCommand returns a file of credentials with commandURL in place of its
// command, and the command; nil: it has none.
func takeCommand(data []byte) ([]byte, *command, error) {
	var fields map[string]json.RawMessage
	var key struct {
		Type             string
		Audience         string
		TokenType        string `json:"subject_token_type"`
		ImpersonationURL string `json:"service_account_impersonation_url"`
		Source           struct {
			File        string
			URL         string
			Environment string `json:"environment_id"`
			Executable  *command
		} `json:"credential_source"`
		Inner json.RawMessage `json:"source_credentials"`
	}
	if json.Unmarshal(data, &fields) != nil || json.Unmarshal(data, &key) != nil {
		return data, nil, nil // the library says so
	}
	switch c := key.Source.Executable; {
	case key.Type == string(credentials.ImpersonatedServiceAccount):
		inner, c, err := takeCommand(key.Inner)
		if c == nil {
			return data, nil, err
		}
		fields["source_credentials"] = inner
		data, err = json.Marshal(fields)
		return data, c, err
	case key.Type != string(credentials.ExternalAccount), c == nil, key.Source.File+key.Source.URL+key.Source.Environment != "":
		return data, nil, nil
	case strings.TrimSpace(c.Line) == "", c.Millis != 0 && (c.time() < leastCommandTime || c.time() > mostCommandTime):
		return data, nil, errors.New("its executable has no command, or a timeout_millis that is not between 5000 and 120000")
	}
	c := key.Source.Executable
	c.environment = []string{"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=" + key.Audience, "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=" + key.TokenType, "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE=0"}
	if m := impersonated.FindStringSubmatch(key.ImpersonationURL); m != nil {
		c.environment = append(c.environment, "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL="+m[1])
	}
	if c.OutputFile != "" {
		c.environment = append(c.environment, "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE="+c.OutputFile)
	}
	fields["credential_source"] = json.RawMessage(`{"url":"` + commandURL + `"}`)
	data, err := json.Marshal(fields)
	return data, c, err
}

var impersonated = regexp.MustCompile(`/v1/projects/-/serviceAccounts/(.*@.*):generateAccessToken`)

func (c *command) time() time.Duration {
	if c.Millis == 0 {
		return commandTime
	}
	return time.Duration(c.Millis) * time.Millisecond
}

// answer is that of commandURL.
func (c *command) answer(req *http.Request) (*http.Response, error) {
	token, err := c.token(req.Context())
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(token)), Request: req}, nil
}

// token returns the token in the file that the command has written before, if
// that is still good, and otherwise runs the command.
func (c *command) token(ctx context.Context) (string, error) {
	if c.OutputFile != "" {
		if data, err := namedfile.Read(ctx, c.OutputFile, namedfile.Options{}); err == nil {
			if token, err := commandToken(data, true); err == nil {
				return token, nil
			}
		}
	}
	data, err := c.run(ctx)
	if err != nil {
		return "", err
	}
	return commandToken(data, c.OutputFile != "")
}

// run returns what the command writes, up to the size that an answer with a
// token can have.
func (c *command) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.time())
	defer cancel()
	words := strings.Fields(c.Line)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) // #nosec G204 -- the operator's own, and allowed by a variable
	cmd.Env = append(os.Environ(), c.environment...)
	cmd.WaitDelay = time.Second // for what it has started and left behind
	stdout, stderr := &output{most: maxTokenAnswer}, &output{most: maxTokenAnswer}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case stdout.over || stderr.over:
		return nil, limit.ErrTooLarge
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, err
	}
	if out := bytes.TrimSpace(stdout.text); len(out) > 0 {
		return out, nil
	}
	return stderr.text, nil
}

// An output fails the write with which it would have more than most
// bytes: the command then writes into a pipe that nobody reads.
type output struct {
	text []byte // no bytes.Buffer within reach, whose ReadFrom would have no bound
	most int
	over bool
}

// Write appends what is within the bound.
func (o *output) Write(p []byte) (int, error) {
	if o.over = o.over || len(o.text)+len(p) > o.most; o.over {
		return 0, limit.ErrTooLarge
	}
	o.text = append(o.text, p...)
	return len(p), nil
}

// A commandRefusal is a command's own word on why there is no token.
type commandRefusal struct{ code, message string }

func (e *commandRefusal) Error() string { return "the command refuses a token" }

var errCommand = errors.New("what the command says is no token that can be used")

// commandToken reads the answer of a command. One that is kept in a file has
// to say when it ends.
func commandToken(data []byte, kept bool) (string, error) {
	var said struct {
		Version int    `json:"version"`
		Success *bool  `json:"success"`
		Type    string `json:"token_type"`
		Ends    int64  `json:"expiration_time"`
		ID      string `json:"id_token"`
		SAML    string `json:"saml_response"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	switch err := json.Unmarshal(data, &said); {
	case err != nil, said.Version != 1, said.Success == nil:
		return "", errCommand
	case !*said.Success:
		return "", &commandRefusal{said.Code, said.Message}
	case said.Ends == 0 && kept, said.Ends != 0 && said.Ends < time.Now().Unix():
		return "", errCommand
	}
	token := ""
	switch said.Type {
	case "urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token":
		token = said.ID
	case "urn:ietf:params:oauth:token-type:saml2":
		token = said.SAML
	}
	if token == "" {
		return "", errCommand
	}
	return token, nil
}
