package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interruptible returns a context that ends with SIGINT or SIGTERM. After
// release, signals do what they do to any program, and every signal that came
// before has ended the context: none is lost between the two. A second signal
// is not waited for.
func interruptible() (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if !signal.Ignored(s) { // as a shell has a job in the background ignore SIGINT
			signal.Notify(signals, s)
		}
	}
	released, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-signals:
			cancel()
		case <-released:
			select {
			case <-signals:
				cancel()
			default:
			}
		}
		signal.Stop(signals)
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals) // after this nothing more comes
		close(released)
		<-ended
	})
}
