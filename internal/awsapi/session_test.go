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
	session := Given(1, new(Options), 1000, "eu-west-1", s, nil)
	t.Cleanup(func() { assert.NoError(t, session.Close()) })
	return session
}

func TestASlowSourceHasAllTheTimeOfTheReadThatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := given(t, &source{retrieve: after(9 * time.Second)})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := s.Conn(ctx)
		require.NoError(t, err)
	})
}

func TestASourceThatIsSlowerThanTheReadIsUnavailableAndServesALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := given(t, &source{retrieve: after(12 * time.Second)})
		read := func(patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := s.Conn(ctx)
			return err
		}
		err := read(10 * time.Second)
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.NotErrorIs(t, err, secrets.ErrUnauthenticated, "nobody said that there are none")
		assert.Contains(t, err.Error(), "no answer from the client's credential provider")
	})
}

func TestAFailureIsToldForAMomentWithoutAnotherTry(t *testing.T) {
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
		time.Sleep(320 * time.Millisecond) // a quarter of a second, a quarter more or less
		_, err := s.Conn(t.Context())
		require.Error(t, err)
		assert.Equal(t, 2, asked)
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
