// Package command runs the secrets command, and a program that a user would
// write, as processes against servers: moto, a real Vault, a Google Secret
// Manager in this process, and a real PostgreSQL.
package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/internal/gcpfake"
	"github.com/go-secrets/secrets/internal/moto"
)

// What all tests share: the binaries, and the servers that none of them stops.
var (
	home       string // empty: no credentials of whoever runs this
	secretsBin string
	programBin string
	emulator   *moto.Server
	vault      *vaultserver.Server
	google     *gcpfake.Server
)

const region = "eu-west-1"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	failed := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "command")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	if home = filepath.Join(dir, "home"); os.Mkdir(home, 0o700) != nil {
		return failed(err)
	}
	secretsBin, programBin = filepath.Join(dir, "secrets"), filepath.Join(dir, "program")
	for _, args := range [][]string{
		{"build", "-C", "../..", "-o", secretsBin, "./cmd/secrets"}, // of the module that it belongs to
		{"build", "-o", programBin, "./program"},
	} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return failed(fmt.Errorf("go %v: %w: %s", args, err, out))
		}
	}
	if emulator, err = moto.Start(); err != nil {
		return failed(err)
	}
	defer emulator.Stop()
	if google, err = gcpfake.Start(); err != nil {
		return failed(err)
	}
	defer google.Close()
	bin, err := vaultserver.Binary()
	if err != nil {
		return failed(err)
	}
	if vault, err = vaultserver.Launch(bin, dir); err != nil {
		return failed(err)
	}
	defer vault.Stop()
	return m.Run()
}

// An outcome is what a process came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// start prepares a process. It has nothing of this one's environment.
func start(t testing.TB, env []string, bin string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = home
	cmd.Env = slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "AWS_EC2_METADATA_DISABLED=true", "GCE_METADATA_HOST=127.0.0.1:1",
	}, env)
	return cmd
}

func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil {
		require.IsType(t, &exec.ExitError{}, e)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// command runs the secrets command.
func command(t testing.TB, env []string, args ...string) outcome {
	t.Helper()
	return finish(t, start(t, env, secretsBin, args...))
}

// awsEnv are credentials that the emulator accepts, as it does all.
var awsEnv = []string{"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=not-a-real-key", "AWS_REGION=" + region}

func awsConfig() aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(emulator.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDADMIN", "not-a-real-key", ""),
	}
}

func putSecret(t testing.TB, name, value string) {
	t.Helper()
	_, err := secretsmanager.NewFromConfig(awsConfig()).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String(name), SecretString: aws.String(value),
	})
	require.NoError(t, err)
}

func secretARN(t testing.TB, name string) string {
	t.Helper()
	secret, err := secretsmanager.NewFromConfig(awsConfig()).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(name)})
	require.NoError(t, err)
	return aws.ToString(secret.ARN)
}

func putParameter(t testing.TB, name, value string) {
	t.Helper()
	_, err := ssm.NewFromConfig(awsConfig()).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String(name), Value: aws.String(value), Type: ssmtypes.ParameterTypeSecureString,
	})
	require.NoError(t, err)
}

// kvMount mounts KV version 2 and returns once it takes requests.
func kvMount(t testing.TB, s *vaultserver.Server, path string) {
	t.Helper()
	require.NoError(t, s.Client(t).Sys().Mount(path, &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}))
	require.Eventually(t, func() bool {
		_, err := s.Client(t).Logical().Write(path+"/data/ready", map[string]any{"data": map[string]any{"x": "y"}})
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
}

func putKV(t testing.TB, s *vaultserver.Server, path string, data map[string]any) {
	t.Helper()
	write(t, s, path, map[string]any{"data": data})
}

func write(t testing.TB, s *vaultserver.Server, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := s.Client(t).Logical().Write(path, data)
	require.NoError(t, err, path)
	return secret
}

// tokenFile is a file with a token that has a policy.
func tokenFile(t testing.TB, s *vaultserver.Server, rules string) string {
	t.Helper()
	name := "policy-" + filepath.Base(t.TempDir()) + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-")
	require.NoError(t, s.Client(t).Sys().PutPolicy(name, rules))
	secret, err := s.Client(t).Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{name}, TTL: "2h"})
	require.NoError(t, err)
	return secretFile(t, "token", secret.Auth.ClientToken+"\n")
}

func secretFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
