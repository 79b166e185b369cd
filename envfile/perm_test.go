package envfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/namedfile"
)

// asMode is a file with another mode; the rest is a real file of ours.
type asMode struct {
	fs.FileInfo
	mode fs.FileMode
}

func (m asMode) Mode() fs.FileMode { return m.mode }

func TestVerdict(t *testing.T) {
	t.Parallel()
	if !namedfile.HasModes {
		t.Skip("files have no modes here")
	}
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	ours, err := os.Stat(path)
	require.NoError(t, err)
	readOnly, memory := namedfile.Mount{ReadOnly: true}, namedfile.Mount{Memory: true}
	for _, c := range []struct {
		rule    string
		perm    Perm
		dotenv  bool
		mode    fs.FileMode
		dataDir fs.FileMode // 0: not behind ..data
		mount   namedfile.Mount
		refused bool
		warned  bool
	}{
		{rule: "a file of ours alone passes", mode: 0o600},
		{rule: "a Secret volume's 0644 passes", mode: 0o644, dataDir: 0o755, mount: memory},
		{rule: "a group may write (fsGroup)", mode: 0o660, dataDir: 0o775},
		{rule: "others may not write", mode: 0o602, refused: true},
		{rule: "others may not write on a volume either", mode: 0o666, dataDir: 0o755, mount: memory, refused: true},
		{rule: "but a read-only mount says that they cannot", mode: 0o666, dataDir: 0o777, mount: readOnly},
		{rule: "nor may they replace the file behind ..data", mode: 0o644, dataDir: 0o777, refused: true},
		{rule: "any is any", perm: PermAny, mode: 0o666, dataDir: 0o777},
		{rule: "private is private on a read-only mount too", perm: PermPrivate, mode: 0o640, mount: readOnly, refused: true},
		{rule: "private is met by an owner's file", perm: PermPrivate, mode: 0o400},
		{rule: "a dotenv of ours that the group can read is refused", dotenv: true, mode: 0o640, refused: true},
		{rule: "a dotenv of ours that others can read is refused", dotenv: true, mode: 0o604, refused: true},
		{rule: "a private dotenv passes", dotenv: true, mode: 0o600},
		{rule: "a dotenv behind ..data is warned of", dotenv: true, mode: 0o644, dataDir: 0o755, warned: true},
		{rule: "a dotenv in memory is warned of", dotenv: true, mode: 0o644, mount: memory, warned: true},
		{rule: "a dotenv on a read-only mount is warned of", dotenv: true, mode: 0o644, mount: readOnly, warned: true},
	} {
		var dataDir fs.FileInfo
		if c.dataDir != 0 {
			dataDir = asMode{ours, c.dataDir}
		}
		if c.perm == PermAny {
			r := newReader(readerOptions{perm: c.perm})
			assert.NoError(t, r.permit(path, nil, asMode{ours, c.mode}, dataDir), c.rule)
			continue
		}
		got := verdict(c.perm, c.dotenv, asMode{ours, c.mode}, dataDir, func() namedfile.Mount { return c.mount })
		assert.Equal(t, c.refused, got.refuse != "", c.rule)
		assert.Equal(t, c.refused, got.mend != "", c.rule)
		assert.Equal(t, c.warned, got.warn, c.rule)
	}
}
