package yaml_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile/yaml"
)

func Example() {
	dir, err := os.MkdirTemp("", "secrets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "db"), []byte("user: app\nreplicas: [one, two]\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	r, err := secrets.Open(ctx, "file://"+dir+"?format=yaml")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for _, name := range []string{"db/user", "db#/replicas/1"} {
		s, err := r.Get(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Reveal())
	}
	// Output:
	// app
	// two
}
