// Command program reads a secret with vals, for its size.
package main

import (
	"fmt"
	"os"

	"github.com/helmfile/vals"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	r, err := vals.New(vals.Options{CacheSize: 256})
	if err == nil {
		_, err = r.Get(os.Args[1])
	}
	fmt.Println(err)
}
