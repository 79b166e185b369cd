// Package asked tells a backend who asks for a name: the program by itself
// (Preload, Load, Bind, Watch), or a Get, whose name may be input.
package asked

import "context"

type key struct{}

// ByProgram returns a context of a read that the program asks for by itself.
func ByProgram(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// IsByProgram reports whether ctx is one.
func IsByProgram(ctx context.Context) bool { return ctx.Value(key{}) != nil }
