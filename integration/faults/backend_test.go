package faults_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"

	_ "github.com/go-secrets/secrets/awssm"
	_ "github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/gcpfake"
	"github.com/go-secrets/secrets/internal/moto"
	_ "github.com/go-secrets/secrets/ssm"
	_ "github.com/go-secrets/secrets/vault"
)

// A backend is one of the library's and the server that it reads from.
type backend struct {
	name       string
	target     string                            // the server
	uri        func(base, address string) string // where the secrets below base are read, through host:port
	put        func(base, name, text string) error
	credential string        // what logs in, or the part of it that stays on this side
	settles    time.Duration // how long it may go on with what it has begun before the fault's end, beyond an attempt
	tally      *tally        // of its trials
}

// servers are what the backends read from.
type servers struct {
	vault    *vaultserver.Server
	emulator *moto.Server
	gcp      *gcpfake.Server
	reviewer *httptest.Server // of Kubernetes, which Vault asks
}

func (s *servers) stop() {
	if s.vault != nil {
		s.vault.Stop()
	}
	if s.emulator != nil {
		s.emulator.Stop()
	}
	if s.gcp != nil {
		s.gcp.Close()
	}
	if s.reviewer != nil {
		s.reviewer.Close()
	}
}

// amazon starts the emulator of both of Amazon's services.
func (s *servers) amazon(home string) (awssm, ssm backend, err error) {
	if s.emulator, err = moto.Start(); err != nil {
		return
	}
	here.Emulator = s.emulator.URL
	secret := canary.New()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": home + "/config", "AWS_SHARED_CREDENTIALS_FILE": home + "/credentials",
	} {
		_ = os.Setenv(name, value)
	}
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(s.emulator.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDADMIN", "not-a-real-key", "")}
	manager, store := secretsmanager.NewFromConfig(cfg), awsssm.NewFromConfig(cfg)
	awssm = backend{
		name: "awssm", target: s.emulator.URL, credential: secret,
		uri: func(base, address string) string {
			return "awssm://" + base + "?region=eu-west-1&endpoint=http://" + address
		},
		put: func(base, name, text string) error {
			id := aws.String(base + "/" + name)
			_, err := manager.PutSecretValue(context.Background(), &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: &text})
			var missing *smtypes.ResourceNotFoundException
			if !errors.As(err, &missing) {
				return err
			}
			_, err = manager.CreateSecret(context.Background(), &secretsmanager.CreateSecretInput{Name: id, SecretString: &text})
			return err
		},
	}
	ssm = backend{
		name: "ssm", target: s.emulator.URL, credential: secret,
		uri: func(base, address string) string {
			return "ssm:///" + base + "?region=eu-west-1&endpoint=http://" + address
		},
		put: func(base, name, text string) error {
			_, err := store.PutParameter(context.Background(), &awsssm.PutParameterInput{
				Name: aws.String("/" + base + "/" + name), Value: &text, Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)})
			return err
		},
	}
	return awssm, ssm, nil
}

// hashicorp starts a Vault with a KV mount and a role that reads it.
func (s *servers) hashicorp(bin, home string) (b backend, err error) {
	if s.vault, err = vaultserver.Launch(bin, home); err != nil {
		return b, err
	}
	client, err := s.vaultClient()
	if err != nil {
		return b, err
	}
	if err := client.Sys().Mount("kv", &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}); err != nil {
		return b, err
	}
	put := func(base, name, text string) error {
		_, err := client.Logical().Write("kv/data/"+base+"/"+name, map[string]any{"data": map[string]any{"value": text}})
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		// A new mount refuses requests for a moment.
		if err = put("ready", "ready", "x"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return b, err
		}
	}
	if err := client.Sys().PutPolicy("reader", `path "kv/*" { capabilities = ["read"] }`); err != nil {
		return b, err
	}
	if err := client.Sys().EnableAuthWithOptions("approle", &api.EnableAuthOptions{Type: "approle"}); err != nil {
		return b, err
	}
	secretID := canary.New()
	for _, step := range []struct {
		path string
		data map[string]any
	}{
		{"auth/approle/role/app", map[string]any{"token_policies": "reader", "token_ttl": "1h"}},
		{"auth/approle/role/app/role-id", map[string]any{"role_id": "app"}},
		{"auth/approle/role/app/custom-secret-id", map[string]any{"secret_id": secretID}},
	} {
		if _, err := client.Logical().Write(step.path, step.data); err != nil {
			return b, err
		}
	}
	file := filepath.Join(home, "secret-id")
	if err := os.WriteFile(file, []byte(secretID), 0o600); err != nil {
		return b, err
	}
	role := filepath.Join(home, "role-id")
	if err := os.WriteFile(role, []byte("app"), 0o600); err != nil {
		return b, err
	}
	here.Vault, here.RoleID, here.SecretID = s.vault.Addr, role, file
	return backend{
		name: "vault", target: s.vault.Addr, credential: secretID, put: put,
		settles: 10 * time.Second, // a login is not sent again while its answer may still come: a secret id may be good for one
		uri: func(base, address string) string {
			return "vault://kv/" + base + "?address=http://" + address + "&auth=approle&role_id_file=" + role + "&secret_id_file=" + file
		},
	}, nil
}

// vaultClient returns a client of the Vault that may do everything.
func (s *servers) vaultClient() (*api.Client, error) {
	cfg := api.DefaultConfig()
	cfg.Address = s.vault.Addr
	client, err := api.NewClient(cfg)
	if err == nil {
		client.SetToken(s.vault.Token)
	}
	return client, err
}

// google starts a Secret Manager that is reached as Google's: by name, over
// TLS, with credentials.
func (s *servers) google(home string) (b backend, err error) {
	cert, ca, err := certify()
	if err != nil {
		return b, err
	}
	key, err := serviceAccount()
	if err != nil {
		return b, err
	}
	for name, file := range map[string]struct {
		env  string
		data []byte
	}{"ca.pem": {"SSL_CERT_FILE", ca}, "account.json": {"GOOGLE_APPLICATION_CREDENTIALS", key}} {
		path := filepath.Join(home, "google-"+name)
		if err := os.WriteFile(path, file.data, 0o600); err != nil {
			return b, err
		}
		_ = os.Setenv(file.env, path)
	}
	here.CA, here.Account = os.Getenv("SSL_CERT_FILE"), os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	if s.gcp, err = gcpfake.Start(grpc.Creds(grpccredentials.NewServerTLSFromCert(&cert))); err != nil {
		return b, err
	}
	here.Google = s.gcp.Addr()
	return backend{
		name: "gcp", target: s.gcp.Addr(),
		credential: strings.Split(string(key), `\n`)[1], // a line of the private key
		uri:        func(base, address string) string { return "gcp://my-project/" + base + "?endpoint=" + address },
		put: func(base, name, text string) error {
			s.gcp.Put("projects/my-project/secrets/"+base+"-"+name, []byte(text))
			return nil
		},
	}, nil
}

// domain is where every line has its name.
const domain = ".line.localhost"

func certify() (cert tls.Certificate, ca []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "suite"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"*" + domain}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return cert, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// serviceAccount makes the file of an account that signs its own tokens.
func serviceAccount() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"type": "service_account", "project_id": "my-project", "private_key_id": "1", "client_id": "1",
		"client_email": "app@my-project.iam.gserviceaccount.com", "token_uri": "http://127.0.0.1:1/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
}

// text is a value that is not like any other, of about so many bytes.
func text(size int) (value string, search *canary.Search) {
	value = canary.New()
	search = canary.For(value)
	if pad := size - len(value); pad > 0 {
		value += strings.Repeat("x", pad)
	}
	return value, search
}

func (b backend) mustPut(t *testing.T, base, name, text string) {
	t.Helper()
	require.NoError(t, b.put(base, name, text), fmt.Sprintf("%s: a write of the suite", b.name))
}
