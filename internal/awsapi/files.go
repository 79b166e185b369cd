package awsapi

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

const (
	variableConfig      = "AWS_CONFIG_FILE"
	variableCredentials = "AWS_SHARED_CREDENTIALS_FILE" // #nosec G101 -- the name of a variable
	variableIdentity    = "AWS_WEB_IDENTITY_TOKEN_FILE"
	variableContainer   = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" // #nosec G101 -- the name of a variable
	variableAuthorities = "AWS_CA_BUNDLE"
)

// fileVariables are those that name a file.
var fileVariables = []string{variableConfig, variableCredentials, variableIdentity, variableContainer, variableAuthorities}

// largest is the most that a file of the SDK may hold.
const largest = 1 << 20

// configFiles are the shared configuration files that the SDK reads.
func configFiles() []string {
	files := []string{os.Getenv(variableConfig), os.Getenv(variableCredentials)}
	if files[0] == "" {
		files[0] = config.DefaultSharedConfigFilename()
	}
	if files[1] == "" {
		files[1] = config.DefaultSharedCredentialsFilename()
	}
	return files
}

// shownFiles are the shared configuration files, for a message.
func shownFiles() string {
	var names []string
	for _, name := range configFiles() {
		if namedfile.Plausible(name) {
			names = append(names, name)
		} else {
			names = append(names, namedfile.Show(name))
		}
	}
	return strings.Join(names, ", ")
}

// checkFiles refuses shared configuration files that the SDK would wait for,
// or read without a bound: it opens them itself. A file that is missing is none.
func checkFiles() error {
	for n, name := range configFiles() {
		info, err := os.Stat(name)
		if err != nil || name == os.DevNull || info.IsDir() {
			continue // the SDK says so, or passes over it
		}
		setting := fileVariables[n]
		switch {
		case info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0:
			return invalid(setting + " names " + namedfile.Show(name) + ", which is " + namedfile.Kind(info.Mode()) + "; name a regular file")
		case info.Size() > largest:
			return invalid(setting + " names " + namedfile.Show(name) + ", which is larger than 1 MiB, so no file of settings")
		}
	}
	return nil
}

// A tokenFile is read with care each time that a credential source needs it.
type tokenFile struct {
	setting string // that names it
	name    string
	hide    *hidden // is told what was in it
}

// GetIdentityToken returns what is in the file, without white space around it.
func (f *tokenFile) GetIdentityToken() ([]byte, error) {
	data, err := namedfile.Read(context.Background(), f.name, namedfile.Options{Max: largest})
	if err != nil {
		return nil, &fileError{f.setting, err}
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil, &fileError{f.setting, &namedfile.Error{Name: namedfile.Show(f.name), Why: "is empty", Err: io.ErrUnexpectedEOF}}
	}
	f.hide.add(string(data))
	return data, nil
}

// GetToken is GetIdentityToken for the container's endpoint.
func (f *tokenFile) GetToken() (string, error) {
	data, err := f.GetIdentityToken()
	return string(data), err
}

// A fileError is a failure to read a file that a setting names.
type fileError struct {
	setting string
	err     error
}

func (e *fileError) Error() string { return e.setting + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// authorities reads the certificates that a setting names; nil: none does.
func authorities(ctx context.Context, shared *config.SharedConfig) ([]byte, error) {
	setting, name := variableAuthorities, os.Getenv(variableAuthorities)
	if name == "" {
		setting, name = "ca_bundle", shared.CustomCABundle
	}
	if name == "" {
		return nil, nil
	}
	data, err := namedfile.Read(ctx, name, namedfile.Options{Max: largest})
	if err != nil {
		class := secrets.ErrInvalid
		if isLate(err) { // its file system hangs, or nobody has written to the pipe yet
			class = secrets.ErrUnavailable
		}
		return nil, fault.New(class, "the certificates of "+setting+" cannot be read", err)
	}
	return data, nil
}

// fingerprint tells one state of the environment and of the files that the
// credentials come from from another, so that a remembered failure does not
// hide new credentials.
func fingerprint() uint64 {
	var text strings.Builder
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, endpoint.AllowVariable+"=") {
			text.WriteString(kv + "\x00")
		}
	}
	files := append(configFiles(), os.Getenv(variableIdentity), os.Getenv(variableContainer), os.Getenv(variableAuthorities))
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".aws", "sso", "cache"), filepath.Join(home, ".aws", "login", "cache"))
	}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil { // #nosec G703 -- the environment names it, and nothing of it is told
			text.WriteString(info.ModTime().String())
		}
		text.WriteByte(0)
	}
	return maphash.String(seed, text.String())
}

var seed = maphash.MakeSeed()
