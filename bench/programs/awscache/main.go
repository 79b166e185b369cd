// Command awscache is a program that reads a secret with AWS's caching client,
// for its size.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	cache, err := secretcache.New()
	if err == nil {
		_, err = cache.GetSecretString(os.Args[1])
	}
	fmt.Println(err)
}
