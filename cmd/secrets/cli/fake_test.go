package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// The fake backends. A document of theirs is made from its path; some paths
// fail. What they are asked is written to the file that FAKE_LOG names.
func init() {
	for _, scheme := range []string{"one", "two", "three"} {
		secrets.Register(scheme, secrets.Backend{
			Open:    func(context.Context, secrets.Ref) (secrets.Provider, error) { return &fake{scheme: scheme}, nil },
			Options: []string{"endpoint", "down", "token_file", "client_key", "jwt_file"},
		})
	}
}

type fake struct{ scheme string }

// canary is in every value, and must be nowhere else.
const canary = "kanarienvogel"

func valueOf(path string) string { return canary + " of " + path }

func (f *fake) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	f.log("fetch", ref.Path)
	return f.read(ctx, ref)
}

func (f *fake) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	f.log("batch", len(refs))
	results := make([]secrets.Result, len(refs))
	for i, ref := range refs {
		results[i].Value, results[i].Err = f.read(ctx, ref)
	}
	return results
}

func (f *fake) read(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	at := ref.Join()
	v := secrets.Value{Version: "v1", Default: "value"}
	document := map[string]any{"value": valueOf(at), "port": 5432, "none": nil}
	switch path.Base(at) {
	case "missing", "secrets-check", "db":
		return v, fault.New(secrets.ErrNotFound, "nothing at "+at, nil)
	case "denied":
		return v, &fault.Error{Class: secrets.ErrPermission, Msg: "not for you", Missing: "fake:Read on " + at}
	case "stranger":
		return v, fault.New(secrets.ErrUnauthenticated, "no fake credentials: set FAKE_TOKEN", nil)
	case "down":
		return v, fault.New(secrets.ErrUnavailable, "no answer from the fake server", nil)
	case "binary":
		v.Default, v.Data = "", []byte("\x00\xff"+canary)
		return v, nil
	case "text":
		v.Default, v.Data = "", []byte(valueOf(at))
		return v, nil
	case "odd":
		document["A=B"] = "x"
	case "hour", "minute":
		v.Lease = at
		v.Expires = time.Now().Add(map[string]time.Duration{"hour": time.Hour, "minute": time.Minute}[path.Base(at)])
	case "slow":
		select { // longer than one waits without a word
		case <-time.After(patience + 200*time.Millisecond):
		case <-ctx.Done():
		}
	case "hang":
		<-ctx.Done()
		return v, ctx.Err()
	}
	v.Data, _ = json.Marshal(document)
	return v, nil
}

func (f *fake) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if f.scheme == "two" {
			yield("", &fault.Error{Class: secrets.ErrPermission, Msg: "not for you", Missing: "fake:List"})
			return
		}
		for _, name := range []string{"app/api/key", "app/db/password", "app/db/user", "other"} {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

func (f *fake) Renew(_ context.Context, v secrets.Value) (secrets.Value, error) { return v, nil }

func (f *fake) Revoke(_ context.Context, v secrets.Value) error {
	f.log("revoke", v.Lease)
	return nil
}

func (f *fake) Close() error  { f.log("close", ""); return nil }
func (f *fake) Detach() error { f.log("detach", ""); return nil }

func (f *fake) log(what string, of any) {
	name := os.Getenv("FAKE_LOG")
	if name == "" {
		return
	}
	log, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer log.Close()
	_, _ = fmt.Fprintln(log, f.scheme, what, of)
}
