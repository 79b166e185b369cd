// Package fault builds the errors that backends return: a class, a sentence,
// the SDK's own error, and what the resolver looks for in an error.
package fault

import "time"

// An Error is a backend's failure. Only Class is required.
type Error struct {
	Class       error         // one of the secrets.Err… classes
	Msg         string        // what happened and how to mend it; no value, no credential
	Err         error         // the SDK's error, already stripped of response bodies; may be nil
	Quiet       bool          // Err is for errors.As only: Msg already says what it says
	Retry       time.Duration // the backend's Retry-After; zero: none
	Missing     string        // the name of the missing permission; empty: none or unknown
	CannotSpell bool          // the backend can hold no document of this name
}

// New returns an error of a class.
func New(class error, msg string, err error) *Error {
	return &Error{Class: class, Msg: msg, Err: err}
}

// Error returns the class, the message and the cause, colon-separated.
func (e *Error) Error() string {
	text := e.Class.Error()
	if e.Msg != "" {
		text += ": " + e.Msg
	}
	if e.Err != nil && !e.Quiet {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the class and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.Err}
}

// RetryAfter returns how long the backend asks to be left alone.
func (e *Error) RetryAfter() time.Duration { return e.Retry }

// Permission returns the name of the missing permission.
func (e *Error) Permission() string { return e.Missing }

// Unspellable reports whether the backend can hold no document of this name.
func (e *Error) Unspellable() bool { return e.CannotSpell }
