package awsapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// source is a credential provider that a test drives.
type source struct {
	retrieve func() (aws.Credentials, error)
	chain    []aws.CredentialSource
}

func (s *source) Retrieve(context.Context) (aws.Credentials, error) { return s.retrieve() }
func (s *source) ProviderSources() []aws.CredentialSource           { return s.chain }

// after gives credentials after a time.
func after(d time.Duration) func() (aws.Credentials, error) {
	return func() (aws.Credentials, error) {
		time.Sleep(d) // of the bubble's clock
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "x"}, nil
	}
}

func given(t *testing.T, s *source) *Session {
	session := Given(1, new(Options), "eu-west-1", s, nil)
	t.Cleanup(func() { assert.NoError(t, session.Close()) })
	return session
}

func TestASlowSourceFailsTheFirstCallerAndServesALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := given(t, &source{retrieve: after(5 * time.Second)})
		start := time.Now()
		_, err := s.Conn(t.Context())
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Less(t, time.Since(start), 2*time.Second)

		start = time.Now()
		_, again := s.Conn(t.Context())
		assert.Equal(t, err, again)
		assert.Zero(t, time.Since(start), "it is remembered")

		time.Sleep(4 * time.Second)
		_, err = s.Conn(t.Context())
		require.NoError(t, err, "the step went on, and what it got counts at once")
	})
}

func TestAMetadataServiceMayTakeLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := given(t, &source{retrieve: after(4 * time.Second), chain: []aws.CredentialSource{aws.CredentialSourceIMDS}})
		_, err := s.Conn(t.Context())
		require.NoError(t, err)
	})
}

func TestAFailureIsRememberedForTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := given(t, &source{retrieve: func() (aws.Credentials, error) {
			asked++
			return aws.Credentials{}, errors.New("out of order")
		}})
		for range 100 {
			_, err := s.Conn(t.Context())
			require.ErrorIs(t, err, secrets.ErrUnauthenticated)
			assert.Contains(t, err.Error(), "out of order")
		}
		assert.Equal(t, 1, asked)
		time.Sleep(10 * time.Second)
		_, err := s.Conn(t.Context())
		require.Error(t, err)
		assert.Equal(t, 2, asked)
	})
}

func TestAServiceThatDropsTheFirstRequestIsAskedOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := given(t, &source{chain: []aws.CredentialSource{aws.CredentialSourceIMDS}, retrieve: func() (aws.Credentials, error) {
			if asked++; asked == 1 {
				return aws.Credentials{}, errors.New("connection refused")
			}
			return after(0)()
		}})
		_, err := s.Conn(t.Context())
		require.NoError(t, err)
	})
}

func TestExpiredCredentialsAreRenewedBeforeACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := given(t, &source{retrieve: func() (aws.Credentials, error) {
			asked++
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "x", CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
		}})
		for range 10 {
			_, err := s.Conn(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 1, asked)
		time.Sleep(time.Hour)
		_, err := s.Conn(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, asked)
	})
}
