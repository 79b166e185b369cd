// Command runtimevar-ssm is a program that reads a secret with runtimevar, for
// its size.
package main

import (
	"context"
	"fmt"
	"os"

	"gocloud.dev/runtimevar"
	_ "gocloud.dev/runtimevar/awsparamstore"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	v, err := runtimevar.OpenVariable(context.Background(), os.Args[1])
	if err == nil {
		_, err = v.Latest(context.Background())
	}
	fmt.Println(err)
}
