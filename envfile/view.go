package envfile

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// dataLink is the link that Kubernetes' AtomicWriter swaps in a Secret,
// ConfigMap or projected volume (and the Secrets Store CSI driver in its own):
// each version is a directory of its own, ..data points to the current one,
// and every visible name is a link through ..data.
// See k8s.io/kubernetes/pkg/volume/util/atomic_writer.go.
const dataLink = "..data"

// A view is one look into a directory tree, confined to it. Wherever it meets
// a ..data it opens what that points to and goes on inside, so that all it
// reads belongs to one version, and it can tell afterwards whether that
// version was replaced meanwhile. The visible links are not used: the
// AtomicWriter makes and removes them before or after the swap.
type view struct {
	root *os.Root // what rel is relative to
	rel  string

	opened     []*os.Root
	pins       []func() bool // each reports whether what was opened is still there
	lost       bool          // a ..data led nowhere
	behindData bool
	dataDir    fs.FileInfo // what the innermost ..data points to
	read       []readFile
}

type readFile struct {
	rel  string
	info fs.FileInfo
}

func openView(dir string) (*view, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	v := &view{root: root, rel: "."}
	v.pin(root, func() (fs.FileInfo, error) { return os.Stat(dir) })
	return v, nil
}

// pin remembers that root was read; found tells what is now where root was
// opened.
func (v *view) pin(root *os.Root, found func() (fs.FileInfo, error)) {
	v.opened = append(v.opened, root)
	v.pins = append(v.pins, func() bool {
		// While root is open, no other directory can have its identity.
		is, err1 := root.Stat(".")
		now, err2 := found()
		return err1 == nil && err2 == nil && os.SameFile(is, now)
	})
}

func (v *view) close() {
	for _, root := range v.opened {
		_ = root.Close()
	}
}

// swapped reports whether a directory that v went through was replaced since.
func (v *view) swapped() bool {
	return v.lost || slices.ContainsFunc(v.pins, func(same func() bool) bool { return !same() })
}

// moved reports whether a file that was read is another by now, or was written
// to.
func (v *view) moved() bool {
	for _, f := range v.read {
		now, err := v.root.Stat(f.rel)
		if err != nil || !os.SameFile(now, f.info) || now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
			return true
		}
	}
	return false
}

func (v *view) join(name string) string { return path.Join(v.rel, name) }

// walk goes to name, which is slash-separated and relative, and returns what
// is there.
func (v *view) walk(name string) (fs.FileInfo, error) {
	if name != "." {
		for segment := range strings.SplitSeq(path.Clean(name), "/") {
			v.enterDataWith(segment)
			v.rel = v.join(segment)
		}
	}
	return v.root.Stat(v.rel)
}

// enterDataWith goes through the ..data of the directory that v is at, if it
// has one with segment in it.
func (v *view) enterDataWith(segment string) {
	if data := v.openData(); data != nil && segment != dataLink {
		if _, err := data.Lstat(segment); err == nil {
			v.enterOpened(data)
		}
	}
}

// enterData goes through the ..data of the directory that v is at, if any.
func (v *view) enterData() {
	if data := v.openData(); data != nil {
		v.enterOpened(data)
	}
}

// openData opens and pins what the ..data of the directory that v is at points
// to; nil: it has none, or one whose target went away before it was opened.
func (v *view) openData() *os.Root {
	outer, link := v.root, v.join(dataLink)
	if !isLink(outer, link) {
		return nil
	}
	data, err := outer.OpenRoot(link)
	if err != nil {
		v.lost = true
		return nil
	}
	v.pin(data, func() (fs.FileInfo, error) { return outer.Stat(link) })
	return data
}

func (v *view) enterOpened(data *os.Root) {
	v.root, v.rel, v.behindData = data, ".", true
	var err error
	if v.dataDir, err = data.Stat("."); err != nil {
		v.lost = true
	}
}

// dangling reports whether v stands at a link that leads nowhere: a name that
// was made before what it points to.
func (v *view) dangling() bool { return isLink(v.root, v.rel) }

func isLink(root *os.Root, rel string) bool {
	fi, err := root.Lstat(rel)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

// files returns the names in the directory that v is at, sorted, but for
// directories, the AtomicWriter's own, which start with two dots, and what an
// editor or a renderer is about to rename.
func (v *view) files() ([]string, error) {
	dir, err := v.root.Open(v.rel)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), "..") && !isTemporary(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// isTemporary reports whether a file's name is one that programs give to what
// they have not finished: consul-template and Vault Agent (.name123456789),
// renameio, editors (name~, .name.swp), rsync (.name.Ab12Cd), name.tmp.
func isTemporary(name string) bool {
	for _, end := range []string{"~", ".tmp", ".temp", ".swp", ".swx", ".part", ".partial"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	if !strings.HasPrefix(name, ".") {
		return strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
	}
	stem := strings.TrimRight(name, "0123456789")
	return len(name)-len(stem) >= 6 && len(stem) > 1
}
