//go:build unix

package awssm

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestAnAnswerWithoutAnEndTakesLittleMemory(t *testing.T) {
	with := func(read func(context.Context, *Provider) error) func(context.Context, map[string]string) error {
		return func(ctx context.Context, options map[string]string) error {
			p, err := open(ctx, secrets.Ref{Scheme: "awssm", Options: options})
			require.NoError(t, err)
			defer func() { _ = p.(*Provider).Close() }()
			return read(ctx, p.(*Provider))
		}
	}
	awstest.Flooded(t, "a value", awstest.Reads{
		"a value": with(func(ctx context.Context, p *Provider) error { _, err := p.Fetch(ctx, referenced("db")); return err }),
		"a batch": with(func(ctx context.Context, p *Provider) error {
			return p.FetchBatch(ctx, references("a", "b", "c"))[0].Err
		}),
		"a list": with(func(ctx context.Context, p *Provider) error { return firstError(p, ctx) }),
		"a client": func(ctx context.Context, options map[string]string) error {
			_, err := New(clientOf(&awstest.Server{URL: options["endpoint"]})).Fetch(ctx, referenced("db"))
			return err
		},
	})
}

func firstError(p *Provider, ctx context.Context) error {
	for _, err := range p.List(ctx, "") {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestAListWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	n := 0
	for name, handle := range map[string]func(awstest.Request) awstest.Reply{
		"the same token": func(awstest.Request) awstest.Reply {
			return awstest.OK(map[string]any{"SecretList": []any{map[string]any{"Name": "a"}}, "NextToken": "again"})
		},
		"empty pages": func(awstest.Request) awstest.Reply {
			n++
			return awstest.OK(map[string]any{"NextToken": awstest.Names("token", n+1)[n]})
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := firstError(over(t, awstest.NewServer(t, handle)), t.Context())
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, "no end")
		})
	}
}

func TestAPipeInPlaceOfAConfigurationFileIsRefusedAndNotWaitedFor(t *testing.T) {
	for _, variable := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE"} {
		t.Run(variable, func(t *testing.T) {
			awstest.Environment(t, append(awstest.Keys, variable+"="+fifo(t))...)
			if variable == "AWS_WEB_IDENTITY_TOKEN_FILE" {
				t.Setenv("AWS_ACCESS_KEY_ID", "")
				t.Setenv("AWS_ROLE_ARN", awstest.Role)
			}
			start := time.Now()
			p := fromURI(t, nil)
			require.Error(t, within(t, p))
			require.NoError(t, p.Close())
			assert.Less(t, time.Since(start), 5*time.Second)
		})
	}
	awstest.Environment(t, append(awstest.Keys, "AWS_CONFIG_FILE="+os.DevNull)...)
	require.NoError(t, readBy(t, awstest.Login{}, 5*time.Second), "people switch the file off by this")
}
