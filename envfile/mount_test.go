package envfile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A mount is a directory that is written as kubelet's AtomicWriter does it.
type mount struct {
	t          testing.TB
	dir        string
	version    int
	linksFirst bool // make the visible links before the swap, not after
	mode       os.FileMode
}

func newMount(t testing.TB, dir string) *mount {
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return &mount{t: t, dir: dir, mode: 0o644}
}

// swap makes files, by their slash-separated paths, what the mount holds.
func (m *mount) swap(files map[string]string) {
	m.version++
	data := filepath.Join(m.dir, dataLink)
	old, _ := os.Readlink(data)
	version := fmt.Sprintf("..2024_05_17_%d", m.version)
	top := make(map[string]bool)
	m.must(os.Mkdir(filepath.Join(m.dir, version), 0o755))
	for name, text := range files {
		path := filepath.Join(m.dir, version, filepath.FromSlash(name))
		m.must(os.MkdirAll(filepath.Dir(path), 0o755))
		m.must(os.WriteFile(path, []byte(text), m.mode))
		first, _, _ := strings.Cut(name, "/")
		top[first] = true
	}
	if m.linksFirst {
		m.link(top)
	}
	m.must(os.Symlink(version, data+"_tmp"))
	m.must(os.Rename(data+"_tmp", data))
	if !m.linksFirst {
		m.link(top)
	}
	m.unlink(top)
	if old != "" {
		m.must(os.RemoveAll(filepath.Join(m.dir, old)))
	}
}

func (m *mount) link(names map[string]bool) {
	for name := range names {
		path := filepath.Join(m.dir, name)
		if _, err := os.Lstat(path); err != nil {
			m.must(os.Symlink(dataLink+"/"+name, path))
		}
	}
}

func (m *mount) unlink(names map[string]bool) {
	entries, err := os.ReadDir(m.dir)
	m.must(err)
	for _, e := range entries {
		if !names[e.Name()] && !strings.HasPrefix(e.Name(), "..") {
			m.must(os.Remove(filepath.Join(m.dir, e.Name())))
		}
	}
}

func (m *mount) must(err error) {
	if err != nil {
		panic(err) // also called beside the test's goroutine
	}
}

// write puts files below dir.
func write(t testing.TB, dir string, files map[string]string) {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// replace puts text into a file by renaming another over it.
func replace(t testing.TB, path, text string) {
	tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf("..tmp-%s", filepath.Base(path)))
	require.NoError(t, os.WriteFile(tmp, []byte(text), 0o600))
	require.NoError(t, os.Rename(tmp, path))
}

// get reads a name and returns what stands for it when no field is asked.
func get(t testing.TB, p secrets.Provider, ref secrets.Ref) string {
	t.Helper()
	v, err := p.Fetch(context.Background(), ref)
	require.NoError(t, err)
	if v.Default != "" {
		return fields(t, v)[v.Default]
	}
	return string(v.Data)
}

// getFields reads a name as a document.
func getFields(t testing.TB, p secrets.Provider, ref secrets.Ref) map[string]string {
	t.Helper()
	v, err := p.Fetch(context.Background(), ref)
	require.NoError(t, err)
	return fields(t, v)
}

func fields(t testing.TB, v secrets.Value) (object map[string]string) {
	t.Helper()
	require.NoError(t, json.Unmarshal(v.Data, &object))
	return object
}

// refuses reads a name, wants an error of a class, and returns its text.
func refuses(t testing.TB, p secrets.Provider, ref secrets.Ref, class error) string {
	t.Helper()
	v, err := p.Fetch(context.Background(), ref)
	require.Error(t, err)
	assert.ErrorIs(t, err, class)
	assert.Empty(t, v.Data)
	return err.Error()
}

// name is the reference of a name below no base.
func name(path string) secrets.Ref { return secrets.Ref{Path: path} }

// below is the reference of a name below a base.
func below(base, path string) secrets.Ref { return secrets.Ref{Base: base, Path: path} }
