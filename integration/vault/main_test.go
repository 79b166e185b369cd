// Package vault_test runs the Vault backend against the real server, a process
// of its own, and a real PostgreSQL. It is never skipped: see
// internal/vaultserver for where the server comes from.
package vault_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/vault"
)

// shared is the server of all tests that neither seal nor stop it. Each test
// has mounts and roles of its own there.
var shared *vaultserver.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

// realHome is where Go's caches are.
var realHome string

// atATime is how many tests run together: they wait more than they work.
const atATime = "4"

func run(m *testing.M) int {
	flag.Parse()
	_ = flag.Set("test.parallel", atATime)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "VAULT_") && name != "VAULT_SERVER_BIN" {
			_ = os.Unsetenv(name)
		}
	}
	home, err := os.MkdirTemp("", "vaultsuite")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(home)
	bin, err := vaultserver.Binary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if shared, err = vaultserver.Launch(bin, home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.Stop()
	realHome, _ = os.UserHomeDir()
	_ = os.Setenv("HOME", home) // no ~/.vault-token of whoever runs this
	return m.Run()
}

// unique makes a name that no other test uses.
func unique(prefix string) string { return fmt.Sprintf("%s-%08x", prefix, rand.Uint32()) }

// write does what an administrator does.
func write(t testing.TB, s *vaultserver.Server, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := s.Client(t).Logical().WriteWithContext(context.Background(), path, data)
	require.NoError(t, err, path)
	return secret
}

func mountEngine(t testing.TB, s *vaultserver.Server, path, engine string, options map[string]string) {
	t.Helper()
	require.NoError(t, s.Client(t).Sys().Mount(path, &api.MountInput{Type: engine, Options: options}))
	if options["version"] == "2" {
		// A new version 2 mount refuses requests for a moment.
		require.Eventually(t, func() bool {
			_, err := s.Client(t).Logical().Write(path+"/data/ready", map[string]any{"data": map[string]any{"x": "y"}})
			return err == nil
		}, 20*time.Second, 50*time.Millisecond)
	}
}

// kvMount makes a KV mount and returns its path.
func kvMount(t testing.TB, s *vaultserver.Server, version int) string {
	t.Helper()
	path := unique(fmt.Sprintf("kv%d", version))
	mountEngine(t, s, path, "kv", map[string]string{"version": fmt.Sprint(version)})
	return path
}

// put writes a secret of a KV mount and returns its version.
func put(t testing.TB, s *vaultserver.Server, mount string, version int, path string, data map[string]any) {
	t.Helper()
	if version == 2 {
		write(t, s, mount+"/data/"+path, map[string]any{"data": data})
		return
	}
	write(t, s, mount+"/"+path, data)
}

// policy makes a policy and returns its name.
func policy(t testing.TB, s *vaultserver.Server, rules string) string {
	t.Helper()
	name := unique("policy")
	require.NoError(t, s.Client(t).Sys().PutPolicy(name, rules))
	return name
}

// reader is a policy that reads everything under a mount, of either version.
func reader(t testing.TB, s *vaultserver.Server, mounts ...string) string {
	t.Helper()
	var rules strings.Builder
	for _, mount := range mounts {
		fmt.Fprintf(&rules, "path %q { capabilities = [\"read\", \"list\"] }\n", mount+"/*")
	}
	return policy(t, s, rules.String())
}

func enableAuth(t testing.TB, s *vaultserver.Server, kind string) (mount string) {
	t.Helper()
	mount = unique(kind)
	require.NoError(t, s.Client(t).Sys().EnableAuthWithOptions(mount, &api.EnableAuthOptions{Type: kind}))
	return mount
}

// An approle is a role with files that hold its role id and a secret id.
type approle struct {
	server                   *vaultserver.Server
	mount, roleID            string
	roleIDFile, secretIDFile string
}

func newAppRole(t testing.TB, s *vaultserver.Server, settings map[string]any) *approle {
	t.Helper()
	r := &approle{server: s, mount: enableAuth(t, s, "approle")}
	write(t, s, "auth/"+r.mount+"/role/app", settings)
	secret, err := s.Client(t).Logical().Read("auth/" + r.mount + "/role/app/role-id")
	require.NoError(t, err)
	r.roleID = secret.Data["role_id"].(string)
	dir := t.TempDir()
	r.roleIDFile, r.secretIDFile = filepath.Join(dir, "role-id"), filepath.Join(dir, "secret-id")
	writeFile(t, r.roleIDFile, r.roleID+"\n")
	r.deliver(t)
	return r
}

// deliver puts a new secret id into the file.
func (r *approle) deliver(t testing.TB) {
	t.Helper()
	writeFile(t, r.secretIDFile, r.secretID(t)+"\n")
}

func (r *approle) secretID(t testing.TB) string {
	t.Helper()
	return write(t, r.server, "auth/"+r.mount+"/role/app/secret-id", nil).Data["secret_id"].(string)
}

// options are those of a URI.
func (r *approle) options() string {
	return "auth=approle&auth_mount=" + r.mount + "&role_id_file=" + r.roleIDFile + "&secret_id_file=" + r.secretIDFile
}

// writeFile replaces a file by rename, as kubelet and agents do.
func writeFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// rootTokenFile is a file with the server's root token.
func rootTokenFile(t testing.TB, s *vaultserver.Server) string {
	t.Helper()
	return tokenFile(t, s.Token)
}

func tokenFile(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	writeFile(t, path, token+"\n")
	return path
}

// token makes a token.
func token(t testing.TB, s *vaultserver.Server, r *api.TokenCreateRequest) string {
	t.Helper()
	secret, err := s.Client(t).Auth().Token().Create(r)
	require.NoError(t, err)
	return secret.Auth.ClientToken
}

// open opens a resolver on a base, at an address (of the server, or of what
// stands in front of it), closed at the test's end.
func open(t testing.TB, base, address, options string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	uri := "vault://" + base + "?address=" + address
	if options != "" {
		uri += "&" + options
	}
	r, err := secrets.Open(context.Background(), uri, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// asRoot opens a resolver with the root token.
func asRoot(t testing.TB, s *vaultserver.Server, base string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	return open(t, base, s.Addr, "token_file="+rootTokenFile(t, s), opts...)
}

// provider makes a provider over a client of the test's own.
func provider(t testing.TB, s *vaultserver.Server, address string, opts ...vault.Option) *vault.Provider {
	t.Helper()
	client := s.Client(t)
	require.NoError(t, client.SetAddress(address))
	client.SetMaxRetries(0)
	p := vault.New(client, opts...)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func ref(path string, options ...string) secrets.Ref {
	r := secrets.Ref{Scheme: "vault", Path: path}
	for i := 0; i < len(options); i += 2 {
		if r.Options == nil {
			r.Options = make(map[string]string)
		}
		r.Options[options[i]] = options[i+1]
	}
	return r
}

func reveal(t testing.TB, r *secrets.Resolver, name string) string {
	t.Helper()
	s, err := r.Get(t.Context(), name)
	require.NoError(t, err)
	return s.Reveal()
}

// A gateway stands in front of a server and counts requests.
type gateway struct {
	URL string

	mu       sync.Mutex
	requests []string // METHOD path
	times    []time.Time
	delay    time.Duration
	answer   func(w http.ResponseWriter, r *http.Request) bool // answers in the server's place
}

func newGateway(t testing.TB, target string) *gateway {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	g := &gateway{}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.requests = append(g.requests, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1/"))
		g.times = append(g.times, time.Now())
		delay, answer := g.delay, g.answer
		g.mu.Unlock()
		if delay > 0 {
			select {
			case <-time.After(delay):
			case <-r.Context().Done():
				return
			case <-ended:
				return
			}
		}
		if answer != nil && answer(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	g.URL = server.URL
	return g
}

// count returns how many requests had a path with that in it.
func (g *gateway) count(part string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, r := range g.requests {
		if strings.Contains(r, part) {
			n++
		}
	}
	return n
}

// countBefore returns how many requests had a path with part in it before the
// n-th that had other in it.
func (g *gateway) countBefore(part, other string, n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	count := 0
	for _, r := range g.requests {
		if strings.Contains(r, other) {
			if n--; n == 0 {
				return count
			}
		}
		if strings.Contains(r, part) {
			count++
		}
	}
	return -1
}

// gap returns the longest time since start without a request whose path has
// that in it.
func (g *gateway) gap(part string, start time.Time) (longest time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range g.requests {
		if strings.Contains(r, part) {
			longest, start = max(longest, g.times[i].Sub(start)), g.times[i]
		}
	}
	return max(longest, time.Since(start))
}

func (g *gateway) set(change func(*gateway)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}
