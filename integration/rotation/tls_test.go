package rotation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/secrettls"
)

// A certificate with its key.
type certificate struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	pem, key8 string
}

func issue(t *testing.T, by *certificate, serial int64) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "suite " + strconv.FormatInt(serial, 10)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: by == nil,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return &certificate{cert, key, text("CERTIFICATE", der), text("PRIVATE KEY", private)}
}

// accept makes handshakes and echoes a byte until the test ends.
func accept(t *testing.T, cfg *tls.Config) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func TestACertificateRotatesUnderAThousandHandshakesASecond(t *testing.T) {
	ways := map[string]func(t *testing.T, dir string) func(c *certificate){
		// kubelet swaps a directory.
		"as a mounted Secret": func(t *testing.T, dir string) func(*certificate) {
			generation := 0
			return func(c *certificate) {
				generation++
				data := ".." + strconv.Itoa(generation)
				require.NoError(t, os.MkdirAll(filepath.Join(dir, data), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(dir, data, "tls.crt"), []byte(c.pem), 0o644))
				require.NoError(t, os.WriteFile(filepath.Join(dir, data, "tls.key"), []byte(c.key8), 0o644))
				require.NoError(t, os.Symlink(data, filepath.Join(dir, "..tmp")))
				require.NoError(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
				if generation == 1 {
					for _, name := range []string{"tls.crt", "tls.key"} {
						require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
					}
				}
			}
		},
		// A tool writes certificate and key one after the other: for a while
		// they do not fit.
		"as two files that change one after the other": func(t *testing.T, dir string) func(*certificate) {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			return func(c *certificate) {
				for name, text := range map[string]string{"tls.crt": c.pem, "tls.key": c.key8} {
					require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte(text), 0o644))
					require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, name)))
					pause(t, 100*time.Millisecond)
				}
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tls")
			put := way(t, dir)
			root := issue(t, nil, 1)
			put(issue(t, root, 2))
			r, c := open(t, "file://"+filepath.Dir(dir))
			certs, err := secrettls.New(t.Context(), r, "tls")
			require.NoError(t, err)
			addr := accept(t, certs.ServerConfig(nil))
			roots := x509.NewCertPool()
			roots.AddCert(root.cert)
			client := &tls.Config{RootCAs: roots, ServerName: "localhost"}

			var newest atomic.Int64
			begun := time.Now()
			l := start(t, 40, 25*time.Millisecond, func(ctx context.Context) error {
				conn, err := (&tls.Dialer{Config: client, NetDialer: &net.Dialer{}}).DialContext(ctx, "tcp", addr)
				if err != nil {
					return err
				}
				serial := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
				for seen := newest.Load(); serial > seen && !newest.CompareAndSwap(seen, serial); seen = newest.Load() {
				}
				if _, err := conn.Write([]byte{1}); err != nil {
					return err
				}
				if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
					return err
				}
				return conn.Close()
			})
			const rotations = 15
			var slowest time.Duration
			for n := range int64(rotations) {
				next := issue(t, root, 3+n)
				put(next)
				rotated := time.Now()
				require.Eventually(t, func() bool { return newest.Load() == 3+n }, 10*time.Second, time.Millisecond)
				slowest = max(slowest, time.Since(rotated))
				pause(t, 400*time.Millisecond)
			}
			require.Eventually(t, func() bool { done, _ := l.figures(); return done >= 10_000 }, 5*time.Minute, 10*time.Millisecond)
			l.end()
			done, failed := l.figures()
			figures.Tell(t, "%d handshakes, %.0f/s, %d failed; %d rotations, served %v later at most; %d backend reads",
				done, float64(done)/time.Since(begun).Seconds(), failed, rotations, slowest.Round(time.Millisecond), c.count())
			require.NoError(t, l.firstFailure())
			assert.Zero(t, failed)
			require.NoError(t, certs.Err())
		})
	}
}
