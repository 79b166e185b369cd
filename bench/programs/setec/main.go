// Command setec is a program that reads a secret with setec's store and its
// own client, for its size.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tailscale/setec/client/setec"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	st, err := setec.NewStore(context.Background(), setec.StoreConfig{
		Client: setec.Client{Server: os.Args[1]}, Secrets: []string{"db"},
	})
	if err == nil {
		fmt.Println(len(st.Secret("db").Get()))
	}
	fmt.Println(err)
}
