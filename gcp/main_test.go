package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

const project = "my-project"

// canary is a value that must be nowhere but where it was asked for.
const canary = "canary-5f1e-hunter2"

// TestMain lets the test binary also be the child process of the tests about
// what a process reads once: certificates, proxies, the environment of loggers.
func TestMain(m *testing.M) {
	if uri := os.Getenv("GCP_TEST_CHILD_URI"); uri != "" {
		child(uri)
		return
	}
	os.Exit(m.Run())
}

// server starts a Secret Manager that ends with the test.
func server(t testing.TB) *gcpfake.Server {
	t.Helper()
	s, err := gcpfake.Start()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// openURI opens a provider as the resolver does: with the provider options
// only.
func openURI(t testing.TB, uri string) *Provider {
	t.Helper()
	ref, err := secrets.ParseRef(uri)
	require.NoError(t, err)
	p, err := open(context.Background(), ref)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.(*Provider).Close()) })
	return p.(*Provider)
}

// provider opens the URI backend on a server.
func provider(t testing.TB, s *gcpfake.Server, options ...string) *Provider {
	t.Helper()
	return openURI(t, "gcp://"+project+"?"+strings.Join(append(options, "endpoint="+s.Addr()), "&"))
}

// global returns the resource of a global secret of the project.
func global(id string) string { return "projects/" + project + "/secrets/" + id }

// named returns the Ref of a name under the project, with document options
// that read option=value.
func named(name string, options ...string) secrets.Ref {
	ref := secrets.Ref{Scheme: "gcp", Base: project, Path: name}
	for _, o := range options {
		if ref.Options == nil {
			ref.Options = make(map[string]string)
		}
		k, v, _ := strings.Cut(o, "=")
		ref.Options[k] = v
	}
	return ref
}

// reference parses a reference as configuration has it. Its document options
// stay, as the resolver leaves them.
func reference(t testing.TB, s string) secrets.Ref {
	t.Helper()
	ref, err := secrets.ParseRef(s)
	require.NoError(t, err)
	return ref
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// An outcome is what a child process tells of its reads.
type outcome struct {
	Data, Version, Error string
	Deep                 string // all that the error prints by reflection
	Unauthenticated      bool
	Unavailable          bool
	Grown                uint64 // by how much the heap grew meanwhile
	Took                 time.Duration
}

// child reads the references in GCP_TEST_CHILD_REFS, one a line, with one
// provider, and prints an outcome for each.
func child(uri string) {
	patience, err := time.ParseDuration(os.Getenv("GCP_TEST_CHILD_TIME"))
	if err != nil {
		patience = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if who := os.Getenv("GCP_TEST_CHILD_WHO"); who != "" {
		start(who, uri)
		return
	}
	base, err := secrets.ParseRef(uri)
	if err != nil {
		panic(err)
	}
	p, err := open(ctx, base)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(os.Getenv("GCP_TEST_CHILD_REFS")) {
		ref, err := secrets.ParseRef(strings.TrimSpace(line))
		if err != nil {
			panic(err)
		}
		var v secrets.Value
		began := time.Now()
		grown := peak(func() { v, err = p.Fetch(ctx, ref) })
		o := outcome{Data: string(v.Data), Version: v.Version, Unauthenticated: errors.Is(err, secrets.ErrUnauthenticated), Unavailable: errors.Is(err, secrets.ErrUnavailable), Grown: grown, Took: time.Since(began)}
		if err != nil {
			o.Error, o.Deep = err.Error(), spew.Sdump(err)
		}
		text, _ := json.Marshal(o)
		fmt.Println(string(text))
	}
}

// inChild runs child with an environment of its own, and returns what it told
// and what it logged.
func inChild(t *testing.T, env []string, uri string, refs ...string) (outcomes []outcome, log string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append([]string{
		"HOME=" + t.TempDir(),
		"GCP_TEST_CHILD_URI=" + uri,
		"GCP_TEST_CHILD_REFS=" + strings.Join(refs, "\n"),
	}, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for line := range strings.Lines(string(out)) {
		var o outcome
		if json.Unmarshal([]byte(line), &o) == nil {
			outcomes = append(outcomes, o)
		} else {
			stderr.WriteString(line)
		}
	}
	require.Len(t, outcomes, len(refs), stderr.String())
	return outcomes, stderr.String()
}

// start reads the secret db as a program does at its start, with Google's
// client alone or with the resolver, in ten seconds, and prints the outcome.
func start(who, uri string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	var o outcome
	var err error
	if who == "bare" {
		var client *secretmanager.Client
		if client, err = secretmanager.NewClient(ctx); err == nil {
			_, err = client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: global("db") + "/versions/latest"})
		}
	} else {
		var r *secrets.Resolver
		if r, err = secrets.Open(ctx, uri); err == nil {
			_, err = r.Get(ctx, "db")
		}
	}
	if err != nil {
		o.Error = err.Error()
	}
	o.Took = time.Since(began)
	text, _ := json.Marshal(o)
	fmt.Println(string(text))
}
