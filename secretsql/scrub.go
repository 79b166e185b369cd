package secretsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// scrub returns err, or what may be told of it if its text, or that of an
// error that it wraps, quotes the password, as drivers and URL parsers do that
// quote what they were given to connect with.
func scrub(err error, password string) error {
	if password == "" || !quotes(err, forms(password)) {
		return err
	}
	text := err.Error()
	for _, form := range forms(password) {
		text = strings.ReplaceAll(text, form, "[REDACTED]")
	}
	e := &scrubbed{text: text}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, driver.ErrBadConn} {
		if errors.Is(err, known) {
			e.known = append(e.known, known)
		}
	}
	return e
}

// forms are the ways in which a password appears in connection strings, longer
// ones first, for they may contain shorter ones.
func forms(password string) []string {
	quoted := strconv.Quote(password)
	all := []string{
		url.QueryEscape(password), url.PathEscape(password), url.UserPassword("", password).String()[1:],
		quoted[1 : len(quoted)-1], password,
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// quotes reports whether the text of an error in the tree has one of forms.
func quotes(err error, forms []string) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, form := range forms {
		if strings.Contains(text, form) {
			return true
		}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return quotes(wrapper.Unwrap(), forms)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if quotes(inner, forms) {
				return true
			}
		}
	}
	return false
}

// A scrubbed error is the text of another one without the password.
type scrubbed struct {
	text  string
	known []error
}

func (e *scrubbed) Error() string   { return e.text }
func (e *scrubbed) Unwrap() []error { return e.known }
