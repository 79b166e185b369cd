package gcp

import (
	"fmt"
	"hash/maphash"
	"os"
	"os/user"
	"path/filepath"
	"runtime"

	"github.com/go-secrets/secrets/internal/namedfile"
)

// https://cloud.google.com/docs/authentication/application-default-credentials
// is the chain that this file follows: the file that
// GOOGLE_APPLICATION_CREDENTIALS names, the file that gcloud writes, the
// metadata server.
//
// The first two are read here and handed to the client library. The third is
// asked here: the library remembers for the life of the process that there is
// no metadata server, and that may only have been true while the network came
// up.

const (
	credentialsEnv = "GOOGLE_APPLICATION_CREDENTIALS" // #nosec G101 -- the name of a variable
	howToLogIn     = "run gcloud auth application-default login, set " + credentialsEnv + ", or attach a service account to the workload"
)

// A source is where the chain finds credentials: a file, or, if that is
// empty, the metadata server.
type source struct {
	file   string
	chosen bool // by GOOGLE_APPLICATION_CREDENTIALS
}

// findSource walks the chain. It opens no connection.
func findSource() source {
	if file := os.Getenv(credentialsEnv); file != "" {
		return source{file: file, chosen: true}
	}
	if file := gcloudFile(); file != "" {
		if _, err := os.Stat(file); err == nil {
			return source{file: file}
		}
	}
	return source{}
}

// gcloudFile is where gcloud auth application-default login leaves its result.
func gcloudFile() string {
	const name = "application_default_credentials.json"
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("APPDATA"), "gcloud", name)
	}
	home := os.Getenv("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".config", "gcloud", name)
}

// String names the source for a message. What the variable holds instead of
// a file's name may be the key itself, and is not shown.
func (s source) String() string {
	switch {
	case s.file == "":
		return "the metadata server"
	case s.chosen:
		return fmt.Sprintf("the file %s that %s names", namedfile.Show(s.file), credentialsEnv)
	}
	return fmt.Sprintf("the file %s of gcloud", namedfile.Show(s.file))
}

// fingerprint tells one state of the source from another: which it is, and
// whether the file has changed. A failure is remembered for its state only.
func (s source) fingerprint() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(s.file)
	if s.file != "" {
		if fi, err := os.Stat(s.file); err == nil {
			_, _ = fmt.Fprint(&h, fi.Size(), fi.ModTime().UnixNano(), fi.Mode())
		}
	} else {
		_, _ = h.WriteString(os.Getenv(metadataHostEnv))
	}
	return h.Sum64()
}
