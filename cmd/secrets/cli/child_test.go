package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// What the program that exec starts tells of itself.
type selfPortrait struct {
	PID  int
	Args []string
	Env  []string
}

// child is that program.
func child(what string) {
	switch what {
	case "child-report":
		_ = json.NewEncoder(os.Stdout).Encode(selfPortrait{os.Getpid(), os.Args, os.Environ()})
	case "child-fail":
		os.Exit(42)
	case "child-wait":
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		fmt.Println("ready")
		<-terminated
		os.Exit(43)
	}
	os.Exit(0)
}
