package vault

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// List yields the paths of the secrets of KV mounts that start with prefix, in
// order, folder by folder; each folder is one request, made when it is needed.
// Other engines tell no names. With an empty prefix every KV mount is listed
// that the token may see. It needs list on the folders (on KV version 2 with
// metadata/ after the mount).
func (p *Provider) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return p.in().names(ctx, prefix)
}

func (p *provider) names(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if p.err != nil {
			yield("", p.err)
			return
		}
		if err := p.list(ctx, prefix, func(path string) bool { return yield(path, nil) }); err != nil {
			yield("", err)
		}
	}
}

func (p *provider) list(ctx context.Context, prefix string, found func(string) bool) error {
	prefix = strings.TrimLeft(prefix, "/")
	if trimmed := strings.TrimRight(prefix, "/"); trimmed != "" {
		if err := checkSegments(trimmed); err != nil {
			return invalid("the prefix %v", err)
		}
	}
	if strings.Contains(prefix, "/") {
		m, err := p.mountOf(ctx, strings.TrimRight(prefix, "/"), &wanted{})
		if err != nil {
			return err
		}
		_, err = p.listMount(ctx, m, prefix, found)
		return err
	}
	all, err := p.visible(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if !strings.HasPrefix(m.path+"/", prefix) {
			continue
		}
		more, err := p.listMount(ctx, m, m.path+"/", found)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// visible returns the KV mounts that the token may see.
func (p *provider) visible(ctx context.Context) ([]mount, error) {
	a, _, err := p.get(ctx, "sys/internal/ui/mounts", nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, refusal(a)
	}
	var said struct {
		Data struct {
			Secret map[string]*mountInfo `json:"secret"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		return nil, notVault(p.caller.host)
	}
	var all []mount
	for path, info := range said.Data.Secret {
		if m := info.mount(path); m.engine == engineKV {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b mount) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// listMount lists one mount. It returns false once found has had enough.
func (p *provider) listMount(ctx context.Context, m mount, prefix string, found func(string) bool) (more bool, err error) {
	if m.engine != engineKV {
		return true, invalid("the mount %s is of the engine %s, which tells no names: only KV is listed", m.path, m.engine)
	}
	// What is yielded starts as the prefix does, also where it was written with
	// data/ after the mount.
	spelled := m.path + "/"
	folder := strings.TrimPrefix(strings.TrimPrefix(prefix, m.path), "/")
	if m.kv == 2 && strings.HasPrefix(folder, "data/") {
		spelled, folder = spelled+"data/", strings.TrimPrefix(folder, "data/")
	}
	folder, start := folder[:strings.LastIndexByte(folder, '/')+1], folder[strings.LastIndexByte(folder, '/')+1:]
	return p.walk(ctx, m, folder, start, func(path string) bool { return found(spelled + path) })
}

// walk lists one folder (empty, or ending in a slash) and those below it.
func (p *provider) walk(ctx context.Context, m mount, folder, start string, found func(string) bool) (more bool, err error) {
	at := m.path + "/" + folder
	if m.kv == 2 {
		at = m.path + "/metadata/" + folder
	}
	a, _, err := p.get(ctx, strings.TrimRight(at, "/"), map[string][]string{"list": {"true"}})
	if err != nil {
		return false, err
	}
	if a.status == http.StatusNotFound {
		if t := a.texts(); t != nil && len(t) == 0 {
			return true, nil // an empty folder is none
		}
	}
	if a.status == http.StatusForbidden {
		return false, listRefusal(a)
	}
	if a.status != http.StatusOK {
		return false, refusal(a)
	}
	var said struct {
		Data struct {
			Keys []string `json:"keys"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		return false, notVault(p.caller.host)
	}
	slices.Sort(said.Data.Keys)
	for _, key := range said.Data.Keys {
		if !strings.HasPrefix(key, start) {
			continue
		}
		if strings.HasSuffix(key, "/") {
			more, err = p.walk(ctx, m, folder+key, "", found)
		} else {
			more = found(folder + key)
		}
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// listRefusal names the capability that listing needs.
func listRefusal(a *answer) error {
	err := refusal(a)
	var f *fault.Error
	if !errors.As(err, &f) || f.Class != secrets.ErrPermission {
		return err
	}
	denied(f, "list", a.path)
	return f
}
