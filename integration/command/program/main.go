// Command program is what a user would write: it says which secrets it needs,
// and nothing about where they live. The suite runs it, unchanged, against
// every backend, by SECRETS_URL alone.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/all"
)

func main() {
	ctx := context.Background()
	var settings struct {
		User   string         `secret:"db/user"`
		Pass   secrets.Secret `secret:"db/password"`
		Stripe secrets.Secret `secret:"stripe/key"`
		Region string         `secret:"region,default=none"`
	}
	if err := secrets.Load(ctx, &settings); err != nil {
		log.Fatal(err)
	}
	pass, err := secrets.Get(ctx, "db#password")
	if err != nil {
		log.Fatal(err)
	}
	db, err := secrets.Get(ctx, "db")
	if err != nil {
		log.Fatal(err)
	}
	var document map[string]any
	if err := db.Decode(&document); err != nil {
		log.Fatal(err)
	}
	_, err = secrets.Get(ctx, "no/such/secret")
	fmt.Printf("user %s, password %s %s (%t), stripe %s, region %s, document of %d, missing %t\n",
		settings.User, settings.Pass, digest(settings.Pass), pass.Equal(settings.Pass), digest(settings.Stripe), settings.Region,
		len(document), errors.Is(err, secrets.ErrNotFound))
}

// digest tells values apart without telling them.
func digest(s secrets.Secret) string {
	return fmt.Sprintf("%x", sha256.Sum256(s.Bytes()))[:8]
}
