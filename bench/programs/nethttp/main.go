// Command nethttp is a program with an HTTP client, for its size.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	resp, err := http.Get(os.Args[1])
	if err == nil {
		err = resp.Body.Close()
	}
	fmt.Println(err)
}
