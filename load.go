package secrets

import "context"

// Load fills dst.
func (r *Resolver) Load(ctx context.Context, dst any) error { return nil }
