// Command raw-gcp is a program that reads a secret with Google's client, for
// its size.
package main

import (
	"context"
	"fmt"
	"os"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	ctx := context.Background()
	client, err := secretmanager.NewClient(ctx)
	if err == nil {
		_, err = client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: os.Args[1]})
	}
	fmt.Println(err)
}
