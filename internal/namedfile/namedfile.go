// Package namedfile reads the files that configuration names: a variable, an
// option of a URI, an argument. It opens each with care. In a message it shows a
// name only if that is plausible as one, because a variable that should name a file
// often holds the credential itself.
package namedfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is the longest name that is shown, in bytes: Linux' PATH_MAX is
// 4,096, and hardly any real name comes near a quarter of it.
const longest = 1024

// Show returns the name of a file for a message: quoted if it is [Plausible], and
// otherwise only its length, as "something that is no file name (2381 bytes)".
func Show(name string) string {
	if Plausible(name) {
		return strconv.Quote(name)
	}
	return fmt.Sprintf("something that is no file name (%d bytes)", len(name))
}

// Plausible reports whether a text can be meant as the name of a file, so that
// a message may quote it: a file of that name exists, or the text looks like a path.
// Neither is true of a credential.
func Plausible(name string) bool {
	switch {
	case name == "":
		return true
	case len(name) > longest || !utf8.ValidString(name):
		return false
	}
	if strings.ContainsAny(name, "{}\"<>|*?\x00") || strings.Contains(name, "-----") || strings.ContainsFunc(name, unicode.IsControl) {
		return false
	}
	if strings.Contains(name, "://") { // a URL, with a password in it perhaps
		return false
	}
	if _, err := os.Lstat(name); err == nil {
		return true
	}
	return looksLikePath(name)
}

// extensions are those of files that hold credentials or settings.
var extensions = []string{".cer", ".conf", ".crt", ".env", ".ini", ".json", ".jwt", ".key", ".pem", ".properties", ".token", ".toml", ".txt", ".yaml", ".yml"}

// looksLikePath reports whether the name of a file that does not exist looks like a
// path. Base64 has slashes, too, and may begin with one, so in general the first
// folder of the path must exist.
func looksLikePath(name string) bool {
	slashed := filepath.ToSlash(name)
	switch {
	case slices.Contains(extensions, strings.ToLower(filepath.Ext(slashed))) && len(name) <= 255:
		return true
	case strings.HasPrefix(slashed, "~/"), strings.HasPrefix(slashed, "./"), strings.HasPrefix(slashed, "../"):
		return true
	}
	volume := filepath.VolumeName(name)
	first, rest, nested := strings.Cut(strings.TrimPrefix(slashed[len(volume):], "/"), "/")
	if filepath.IsAbs(name) {
		first = volume + string(filepath.Separator) + first
	}
	if !nested || rest == "" {
		return false
	}
	if fi, err := os.Stat(first); err == nil && fi.IsDir() {
		return true
	}
	return filepath.IsAbs(name) && inWords(slashed)
}

// inWords reports whether a path is written as people name folders: in lower
// case, and mostly letters. A volume that was not mounted has such a path, and
// random text in base64 has none.
func inWords(path string) bool {
	letters, digits := 0, 0
	for _, c := range path {
		switch {
		case 'a' <= c && c <= 'z':
			letters++
		case '0' <= c && c <= '9':
			digits++
		case !strings.ContainsRune("/._-:", c):
			return false
		}
	}
	return len(path) <= 255 && digits*4 <= letters
}

// Scrub returns an error about a file, without the file's name if that is not
// [Plausible]. errors.Is finds the same causes as before; errors.As finds a
// [fs.PathError] that has the shown name.
func Scrub(err error, name string) error {
	if err == nil || Plausible(name) {
		return err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return &fs.PathError{Op: path.Op, Path: Show(name), Err: path.Err}
	}
	if strings.Contains(err.Error(), name) {
		return errors.New(Show(name) + " cannot be read")
	}
	return err
}
