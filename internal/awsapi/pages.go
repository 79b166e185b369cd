package awsapi

import (
	"context"
	"hash/maphash"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

const (
	mostPages = 20_000 // that a listing has: a million parameters
	mostEmpty = 1_000  // of them in a row that hold nothing
)

// Pages reads page after page, each named by the token of the one before it,
// until one has no token, or read returns more as false. A service, or what
// answers in its place, that has no end is ErrUnavailable: one that repeats a
// token, or goes on with empty pages.
func (s *Session) Pages(ctx context.Context, what string, read func(c *Conn, token *string) (next *string, entries int, more bool, err error)) error {
	seen := make(map[uint64]bool)
	var token *string
	empty := 0
	for range mostPages {
		var next *string
		entries, more := 0, false
		err := s.Call(ctx, func(c *Conn) (err error) {
			next, entries, more, err = read(c, token)
			return err
		})
		switch {
		case err != nil:
			return err
		case !more || next == nil || *next == "": // a page before the last may be empty
			return nil
		}
		if empty++; entries > 0 {
			empty = 0
		}
		hash := maphash.String(seed, *next)
		if seen[hash] || empty == mostEmpty {
			break
		}
		seen[hash] = true
		token = next
	}
	return fault.New(secrets.ErrUnavailable, what+": the pages of the answer have no end, so it is not from the service itself", nil)
}
