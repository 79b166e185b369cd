package ssm

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestATreeWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	page := func(n int, size int, token string) awstest.Reply {
		return awstest.OK(map[string]any{
			"Parameters": []any{awstest.Parameter(fmt.Sprintf("/prod/db/key-%d", n), strings.Repeat("x", size), 1)}, "NextToken": token,
		})
	}
	n := 0
	for name, c := range map[string]struct {
		next  func() awstest.Reply
		class error
		says  string
	}{
		"the same token again":     {func() awstest.Reply { return page(1, 1, "again") }, secrets.ErrUnavailable, "no end"},
		"empty pages":              {func() awstest.Reply { n++; return awstest.OK(map[string]any{"NextToken": fmt.Sprint(n)}) }, secrets.ErrUnavailable, "no end"},
		"more than a document has": {func() awstest.Reply { n++; return page(n, 8192, fmt.Sprint(n)) }, secrets.ErrInvalid, "more than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
				if r.Operation == single {
					return awstest.Fail(400, "ParameterNotFound", "")
				}
				return c.next()
			})
			_, err := fetch(t, over(t, s, WithTree()), named("db"))
			require.ErrorIs(t, err, c.class)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestAnAnswerWithoutAnEndTakesLittleMemory(t *testing.T) {
	with := func(read func(context.Context, *Provider) error) func(context.Context, map[string]string) error {
		return func(ctx context.Context, options map[string]string) error {
			p, err := open(ctx, secrets.Ref{Scheme: "ssm", Options: options})
			require.NoError(t, err)
			defer func() { _ = p.(*Provider).Close() }()
			return read(ctx, p.(*Provider))
		}
	}
	awstest.Flooded(t, "a value", awstest.Reads{
		"a value": with(func(ctx context.Context, p *Provider) error { _, err := p.Fetch(ctx, named("db")); return err }),
		"a tree": with(func(ctx context.Context, p *Provider) error {
			return p.children(ctx, &document{name: "/prod/db"}, new(secrets.Value))
		}),
		"a batch": with(func(ctx context.Context, p *Provider) error {
			return p.FetchBatch(ctx, references("/a", "/b", "/c"))[0].Err
		}),
		"a list": with(func(ctx context.Context, p *Provider) error {
			for _, err := range p.List(ctx, "") {
				return err
			}
			return nil
		}),
		"a client": func(ctx context.Context, options map[string]string) error {
			_, err := New(clientOf(&awstest.Server{URL: options["endpoint"]})).Fetch(ctx, named("db"))
			return err
		},
	})
}

func TestAParameterWithAnUnusableKeyIsKeptOutOfBatchesAndSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]awstest.Reply{
		"its key is gone": awstest.Fail(400, "InvalidKeyId", "The key is not enabled (Service: AWSKMS)"),
		"it is denied":    awstest.Fail(400, "AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt"),
	} {
		t.Run(name, func(t *testing.T) {
			m, refs := store(12)
			bad := refs[3].Path
			s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
				for _, asked := range append(r.Texts("Names"), r.Text("Name")) {
					if asked == bad {
						return refusal
					}
				}
				return m.Handle(r)
			})
			p := over(t, s)
			check := func() {
				for i, r := range p.FetchBatch(t.Context(), refs) {
					if refs[i].Path == bad {
						require.ErrorIs(t, r.Err, secrets.ErrPermission)
						continue
					}
					require.NoError(t, r.Err)
				}
			}
			check()
			s.Reset()
			check()
			assert.Equal(t, 2, count(s.Calls(), batched), "batches go on without it")
			assert.Equal(t, 1, count(s.Calls(), single))
		})
	}
}

func TestAnEndpointWithoutBatchesIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == batched {
			return awstest.Fail(501, "InternalFailure", "not yet implemented")
		}
		return m.Handle(r)
	})
	p := over(t, s)
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	s.Reset()
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	assert.Zero(t, count(s.Calls(), batched), "it is not tried again")
}

func TestPlainHTTPToAnotherMachineIsRefused(t *testing.T) {
	const elsewhere = "http://192.0.2.1:4566"
	_, err := open(t.Context(), secrets.Ref{Scheme: "ssm", Options: map[string]string{"endpoint": elsewhere}})
	require.ErrorIs(t, err, secrets.ErrInvalid)
	_, err = open(t.Context(), secrets.Ref{Scheme: "ssm", Options: map[string]string{"endpoint": elsewhere, "allow_http": "true"}})
	require.NoError(t, err)
	awstest.Environment(t, append(awstest.Keys, "AWS_ENDPOINT_URL_SSM="+elsewhere)...)
	_, err = fetch(t, fromURI(t, nil), referenced("/db"))
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "AWS_ENDPOINT_URL_SSM")
	assert.ErrorContains(t, err, "SECRETS_ALLOW_HTTP=192.0.2.1")
}
