//go:build unix

package awsapi

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestAFileThatDoesNotComeInTimeIsUnavailableAndNotInvalid(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	awstest.Environment(t, variableAuthorities+"="+pipe)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := authorities(ctx, &config.SharedConfig{})
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	answers.Check(t, err)

	o := &Options{}
	f := o.credentialsFailed(&fileError{variableIdentity, context.DeadlineExceeded}, nil, &Conn{options: o, hide: newHidden(), Region: "eu-west-1"})
	require.ErrorIs(t, f, secrets.ErrUnavailable)
	answers.Check(t, f)
}

func TestAClassThatAUsersOwnCredentialsHaveIsNotThatOfTheRead(t *testing.T) {
	t.Parallel()
	o := &Options{}
	for class, want := range map[error]error{
		secrets.ErrNotFound: secrets.ErrUnauthenticated, secrets.ErrPermission: secrets.ErrUnauthenticated, secrets.ErrInvalid: secrets.ErrUnauthenticated,
		secrets.ErrUnavailable: secrets.ErrUnavailable, secrets.ErrThrottled: secrets.ErrThrottled,
	} {
		own := &secrets.Error{Op: "get", Name: "aws/key", Err: class}
		f := o.credentialsFailed(withoutClass(own), nil, &Conn{options: o, own: true, hide: newHidden(), Region: "eu-west-1"})
		require.ErrorIs(t, f, want, class.Error())
		answers.Check(t, f)
		var told *secrets.Error
		require.ErrorAs(t, f, &told, "what it was stays within reach")
	}
}
