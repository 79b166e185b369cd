package awsapi

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// needed is what the SDK takes to be in the answer of a credential source, by
// operation. It reads that on a goroutine of its own, where a nil pointer ends
// the program.
var needed = map[string][]string{
	"AssumeRole":                {"Credentials.AccessKeyId", "Credentials.SecretAccessKey", "Credentials.SessionToken", "Credentials.Expiration"},
	"AssumeRoleWithWebIdentity": {"Credentials.AccessKeyId", "Credentials.SecretAccessKey", "Credentials.SessionToken", "Credentials.Expiration"},
	"GetRoleCredentials":        {"RoleCredentials"},
	"CreateOAuth2Token": {
		"TokenOutput.AccessToken.AccessKeyId", "TokenOutput.AccessToken.SecretAccessKey", "TokenOutput.AccessToken.SessionToken",
		"TokenOutput.ExpiresIn", "TokenOutput.RefreshToken",
	},
}

// errNoKeys is about a source that answers, and gives no credentials.
var errNoKeys = errors.New("it answers, and there are no credentials in it: a proxy or captive portal?")

// A lacking is a middleware, the outermost one, that makes an error of an answer
// in which something is lacking, and of a panic over one.
type lacking struct{ operation string }

// ID names the middleware.
func (*lacking) ID() string { return "secrets.Lacking" }

// HandleInitialize looks at the result.
func (l *lacking) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, metadata middleware.Metadata, err error,
) {
	defer func() {
		if recover() != nil { // it may hold anything
			err = &smithy.DeserializationError{Err: errBody}
		}
	}()
	out, metadata, err = next.HandleInitialize(ctx, in)
	if err != nil {
		return out, metadata, err
	}
	for _, path := range needed[l.operation] {
		if lacks(reflect.ValueOf(out.Result), path) {
			return out, metadata, errNoKeys
		}
	}
	return out, metadata, nil
}

// lacks reports whether a member of a result, or what it is a member of, is nil,
// or there is none of that name.
func lacks(v reflect.Value, path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
			return true
		}
		v = v.FieldByName(name)
		if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			return true
		}
	}
	return false
}
