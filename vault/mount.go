package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

const (
	engineKV         = "kv"
	engineDatabase   = "database"
	enginePKI        = "pki"
	engineSSH        = "ssh"
	engineKubernetes = "kubernetes"
	engineCubbyhole  = "cubbyhole"
)

// A mount is where a secrets engine answers.
type mount struct {
	path   string // segments between slashes, none at the ends
	engine string // its type: kv, database, pki …
	kv     int    // 1 or 2 if engine is kv
	asked  bool   // the server said so, not an option
}

// rest is what follows the mount in a path. On KV version 2 a path may be
// written as in Vault's API, with data/ after the mount: it means the same.
func (m mount) rest(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, m.path), "/")
	if m.engine == engineKV && m.kv == 2 {
		rest = strings.TrimPrefix(rest, "data/")
	}
	return rest
}

// mounts remembers what is mounted where. Vault has no mount within another,
// so that the first match by segments is the only one.
type mounts struct {
	mu     sync.RWMutex
	known  map[string]mount
	probes map[string]*probe // by first segment
}

type probe struct {
	done chan struct{}
	err  error
	own  bool // err is that of the asker's context
}

// lookup finds the mount of a path among those that are known.
func (ms *mounts) lookup(path string) (mount, bool) {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return ms.find(path)
}

func (ms *mounts) find(path string) (mount, bool) {
	for end := 0; end < len(path); end++ {
		i := strings.IndexByte(path[end:], '/')
		if i < 0 {
			end = len(path)
		} else {
			end += i
		}
		if m, ok := ms.known[path[:end]]; ok {
			return m, true
		}
	}
	return mount{}, false
}

func (ms *mounts) remember(m mount) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.known == nil {
		ms.known = make(map[string]mount)
	}
	ms.known[m.path] = m
}

// forget drops a mount that did not answer as what it was taken for: it may
// have been replaced.
func (ms *mounts) forget(m mount) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	delete(ms.known, m.path)
}

// mountOf returns the mount of a path: what the options say, or what is known,
// or what the server says. Only answers are remembered, never a failure, and a
// mount is never guessed.
func (p *provider) mountOf(ctx context.Context, path string, w *wanted) (mount, error) {
	if w.mount != "" {
		if path != w.mount && !strings.HasPrefix(path, w.mount+"/") {
			return mount{}, errNotUnder(path, w.mount)
		}
		return mount{path: w.mount, engine: w.engine, kv: w.kv}, nil
	}
	first, _, _ := strings.Cut(path, "/")
	for {
		if m, ok := p.mounts.lookup(path); ok {
			return m, nil
		}
		p.mounts.mu.Lock()
		if m, ok := p.mounts.find(path); ok {
			p.mounts.mu.Unlock()
			return m, nil
		}
		under := p.mounts.probes[first]
		if under == nil {
			under = &probe{done: make(chan struct{})}
			if p.mounts.probes == nil {
				p.mounts.probes = make(map[string]*probe)
			}
			p.mounts.probes[first] = under
			p.mounts.mu.Unlock()
			m, err := p.ask(ctx, path)
			under.err, under.own = err, ctx.Err() != nil
			p.mounts.mu.Lock()
			delete(p.mounts.probes, first)
			p.mounts.mu.Unlock()
			close(under.done)
			return m, err
		}
		p.mounts.mu.Unlock()
		select {
		case <-under.done:
		case <-ctx.Done():
			return mount{}, unavailable("the server was not asked in time what is mounted at "+path, context.Cause(ctx))
		}
		switch err := under.err; {
		case err == nil, under.own: // most likely the same mount; or the asker's own context had ended
		case errors.Is(err, secrets.ErrPermission): // a refusal is that of one path
			return p.ask(ctx, path)
		default:
			return mount{}, err
		}
	}
}

func errNotUnder(path, mount string) error {
	return invalid("the path %q is not under mount=%s", path, mount)
}

// ask is probe that remembers the answer.
func (p *provider) ask(ctx context.Context, path string) (mount, error) {
	m, err := p.probe(ctx, path)
	if err == nil {
		p.mounts.remember(m)
	}
	return m, err
}

// probe asks the server what is mounted where path leads.
func (p *provider) probe(ctx context.Context, path string) (mount, error) {
	a, _, err := p.get(ctx, "sys/internal/ui/mounts/"+path, nil)
	if err != nil {
		return mount{}, err
	}
	if a.status == http.StatusForbidden {
		err := refusal(a)
		if errors.Is(err, secrets.ErrPermission) {
			hint := ""
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ":") {
				hint = "; the path starts with a mount, and if " + first + " is the server, it belongs into VAULT_ADDR or ?address="
			}
			wanted := forPolicy(path)
			return mount{}, &fault.Error{
				Class: secrets.ErrPermission, Err: errorOf(a), Quiet: true, Missing: "read on " + wanted,
				Msg: fmt.Sprintf("the token's policies grant nothing at %q, or nothing is mounted there: check the path, add path %q { capabilities = [\"read\"] } (on KV version 1 %q), or name the mount with ?mount=…&kv=1 or 2", path, wanted, path) + hint,
			}
		}
		return mount{}, err
	}
	if a.status != http.StatusOK {
		return mount{}, refusal(a)
	}
	var said struct {
		Data *mountInfo `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil || said.Data == nil || said.Data.Path == "" {
		return mount{}, notVault(p.caller.host)
	}
	m := said.Data.mount(said.Data.Path)
	if strings.HasPrefix(path, "auth/") && !strings.HasPrefix(m.path, "auth/") { // an auth method is told without it
		m.path = "auth/" + m.path
	}
	if path != m.path && !strings.HasPrefix(path, m.path+"/") {
		return mount{}, unavailable("the server says that "+path+" is mounted elsewhere", nil)
	}
	return m, nil
}

// forPolicy spells a path as a policy has it, where it is not known what is
// mounted there: as of KV version 2, unless it looks like that of an engine
// that makes credentials.
func forPolicy(path string) string {
	first, rest, nested := strings.Cut(path, "/")
	next, _, _ := strings.Cut(rest, "/")
	switch next {
	case "data", "creds", "static-creds", "static-cred", "issue", "issuer", "sign", "token", "oidc", "role", "roles":
		return path
	}
	if !nested || first == "auth" || first == "sys" || first == "identity" {
		return path
	}
	return first + "/data/" + rest
}

// mountInfo is what sys/internal/ui/mounts says of a mount.
type mountInfo struct {
	Path    string `json:"path"`
	Type    string `json:"type"`
	Options *struct {
		Version string `json:"version"`
	} `json:"options"`
}

func (i *mountInfo) mount(path string) mount {
	m := mount{path: strings.Trim(path, "/"), engine: i.Type, asked: true}
	if i.Type == engineKV || i.Type == "generic" {
		m.engine, m.kv = engineKV, 1
		if i.Options != nil && i.Options.Version == "2" {
			m.kv = 2
		}
	}
	return m
}

// errorOf is the error of vault/api, for errors.As; nil if there is none.
func errorOf(a *answer) error {
	if a.failed == nil {
		return nil
	}
	return a.failed
}

func notVault(host string) error {
	return unavailable("the answer of "+host+" is not Vault's: is this the address of a Vault server?", nil)
}
