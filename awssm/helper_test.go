package awssm

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// over returns a provider over a client of the server's, without retries.
func over(t testing.TB, s *awstest.Server, opts ...Option) *Provider {
	t.Helper()
	p := New(clientOf(s), opts...)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func clientOf(s *awstest.Server, opts ...func(*secretsmanager.Options)) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.URL), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "not-a-real-key", ""),
	}, opts...)
}

// fromURI returns the provider that a URI with these options opens.
func fromURI(t testing.TB, options map[string]string) *Provider {
	t.Helper()
	p, err := open(t.Context(), secrets.Ref{Scheme: "awssm", Options: options})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.(*Provider).Close()) })
	return p.(*Provider)
}

// named is the ref of a name, referenced that of a reference.
func named(name string) secrets.Ref { return secrets.Ref{Scheme: "awssm", Base: "prod", Path: name} }

func referenced(path string, options ...string) secrets.Ref {
	ref := secrets.Ref{Scheme: "awssm", Path: path, Options: map[string]string{}}
	for i := 0; i < len(options); i += 2 {
		ref.Options[options[i]] = options[i+1]
	}
	return ref
}

func references(paths ...string) []secrets.Ref {
	refs := make([]secrets.Ref, len(paths))
	for i, path := range paths {
		refs[i] = referenced(path)
	}
	return refs
}

func fetch(t testing.TB, p *Provider, ref secrets.Ref) (string, error) {
	t.Helper()
	v, err := p.Fetch(context.WithoutCancel(t.Context()), ref)
	return string(v.Data), err
}

// answer is a server that always answers the same.
func answer(t testing.TB, reply awstest.Reply) *awstest.Server {
	return awstest.NewServer(t, func(awstest.Request) awstest.Reply { return reply })
}

// again runs a test in a process of its own, with these variables, and returns
// what it printed.
func again(t *testing.T, name string, variables ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
