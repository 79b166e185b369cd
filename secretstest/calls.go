package secretstest

// Calls tells what a [Provider] was asked since it was made, or since
// ResetCalls. Failed calls count as others do.
type Calls struct {
	Fetches     int // calls of Fetch
	Batches     int // calls of FetchBatch
	Reads       int // documents read: Fetches, and the references of all Batches
	Lists       int // calls of List
	Watches     int // calls of Watch
	Renewals    int // calls of Renew
	Revocations int // calls of Revoke
	Closes      int // calls of Close
	Unsupported int // calls of a capability that is off; they count nowhere else

	InFlight    int // Fetches and Batches that have not returned yet
	MaxInFlight int // the most of them at one time
	Leases      int // leases handed out and not revoked, ended or not
}

// Calls returns the counts as they are now.
func (p *Provider) Calls() Calls {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls
	c.Leases = len(p.leases)
	return c
}

// Reads returns how often the document at path was read, or asked for in
// vain, singly or in a batch.
func (p *Provider) Reads(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads[path]
}

// ResetCalls sets every count to zero, except InFlight and Leases, which tell
// what is the case.
func (p *Provider) ResetCalls() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = Calls{InFlight: p.calls.InFlight, MaxInFlight: p.calls.InFlight}
	p.reads = nil
}

func (p *Provider) count(add func(*Calls)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.calls)
}
