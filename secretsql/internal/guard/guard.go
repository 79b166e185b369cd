// Package guard keeps what breaks while a connection is made from breaking the
// pool: pools call from goroutines of their own, where a panic ends the process,
// and count connections that never come.
package guard

import "fmt"

// Do returns the error of f, and an error if f panics or ends its goroutine
// instead. Of a panic's value it tells the type alone: it may hold a password.
func Do(what string, f func() error) error {
	err := fmt.Errorf("%s ended the goroutine that it was called on", what)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("%s panicked, with a value of type %T, which is not shown", what, value)
			}
		}()
		err = f()
	}()
	<-done
	return err
}
