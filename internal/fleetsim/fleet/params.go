// Package fleet models what many processes that use the resolver do to one
// backend: a discrete-event simulation with a seeded source of chance, in which
// no real time passes.
//
// The rules are those of the root package, in a form that runs ten thousand
// processes at once, and every wait is package policy's, as the resolver's is.
// The tests hold the model beside the real resolver.
package fleet

import "time"

// What the resolver does, beside its waits.
const (
	DefaultTTL     = 5 * time.Minute
	DefaultTimeout = 10 * time.Second

	maxColdReads = 32
	maxRefreshes = 8
	maxBatch     = 100
	noBatchFor   = 10 * time.Minute

	horizonPart = 10 // what is due within a tenth of the TTL is read along
)

// What Kubernetes does with a container that exits: a back-off that doubles,
// and what passes until the node sees to it, which differs.
const (
	crashBase    = 10 * time.Second
	crashMost    = 5 * time.Minute
	restartDelay = 10 * time.Second
)

// Params is one run.
type Params struct {
	Backend   Backend
	Processes int
	Documents int           // that each process holds; the same for all
	TTL       time.Duration // 0: DefaultTTL
	Timeout   time.Duration // of one read; 0: DefaultTimeout

	NoBatch  bool // as with ?batch=false
	NoJitter bool // no draw anywhere: what the resolver would be without it

	// Apart draws for each document how long its failure is remembered. The
	// resolver draws once for all that was read together; this is to compare.
	Apart bool

	// Warm has every process hold its documents already, read at some time
	// within the last TTL: a fleet that has run for long.
	Warm     bool
	Rollout  time.Duration // over which the processes start, evenly
	Wait     time.Duration // of the app between a Preload that failed and the next; 0: a second
	Crash    bool          // the app exits instead, and Kubernetes starts it again, later each time
	Others   float64       // calls a second that somebody else makes, of the quota for single reads
	Outages  []Outage
	Duration time.Duration // that is simulated
	// UntilStarted ends the run when every process has its secrets.
	UntilStarted bool
	Seed         uint64
}

// An Outage is a time in which the backend refuses every call.
type Outage struct{ From, To time.Duration }

// OneCall is how a backend takes several documents: at most Size in a call, and
// only if there are Min at least.
type OneCall struct{ Size, Min int }

// Backend is what limits, delays and charges calls.
type Backend struct {
	Name     string
	Batch    OneCall       // zero: a document a call
	Grouped  bool          // its provider is a BatchProvider, with or without a call for several
	Parallel int           // calls of one FetchBatch under way
	Setup    int           // calls that a process makes once, before its first read
	Latency  time.Duration // of a call, half of it to one and a half
	Single   Quota         // of calls for one document
	Batched  Quota         // of calls for several; zero: they count as single ones do

	RetryAfter time.Duration // that a throttled answer asks for
	Price      Price
}

// Quota is a token bucket: Burst calls at once, and Rate a second. Refused
// calls take nothing from it.
type Quota struct{ Rate, Burst float64 }

// PerSecond is a quota of so many calls a second.
func PerSecond(n float64) Quota { return Quota{Rate: n, Burst: max(1, n)} }

// PerMinute is a quota of so many calls a minute, which may come at once.
func PerMinute(n float64) Quota { return Quota{Rate: n / 60, Burst: n} }

// Price is in US dollars.
type Price struct {
	Calls     float64 // 10,000 calls that were answered
	Documents float64 // 10,000 documents that were returned
	Month     float64 // one document, each month
}

// The backends with their quotas and prices as their pages had them; see
// docs/scale.md for the pages, and for what is assumed.
var (
	SecretsManager = Backend{
		Name: "Secrets Manager", Grouped: true, Parallel: 10, Latency: 20 * time.Millisecond,
		Batch:  OneCall{Size: 20, Min: 3},
		Single: PerSecond(10_000), Batched: PerSecond(100),
		Price: Price{Calls: 0.05, Month: 0.40},
	}
	ParameterStore = Backend{
		Name: "Parameter Store", Grouped: true, Parallel: 10, Latency: 20 * time.Millisecond,
		Batch:  OneCall{Size: 10, Min: 2},
		Single: PerSecond(40),
	}
	ParameterStoreHigher = Backend{
		Name: "Parameter Store, higher throughput", Grouped: true, Parallel: 10, Latency: 20 * time.Millisecond,
		Batch:  OneCall{Size: 10, Min: 2},
		Single: PerSecond(10_000), Batched: PerSecond(1_000),
		Price: Price{Documents: 0.05},
	}
	SecretManager = Backend{
		Name: "GCP Secret Manager", Grouped: true, Parallel: 8, Latency: 20 * time.Millisecond,
		Single: PerMinute(90_000),
		Price:  Price{Calls: 0.03, Month: 0.06},
	}
)

// Vault is a Vault with a rate limit quota of so many calls a second. A process
// logs in and asks which kind of mount it reads, once.
func Vault(rate float64) Backend {
	return Backend{
		Name: "Vault", Setup: 2, Latency: 10 * time.Millisecond,
		Single: PerSecond(rate), RetryAfter: time.Second,
	}
}

// withDefaults fills in what is zero.
func (p Params) withDefaults() Params {
	if p.TTL == 0 {
		p.TTL = DefaultTTL
	}
	if p.Timeout == 0 {
		p.Timeout = DefaultTimeout
	}
	if p.Wait == 0 {
		p.Wait = time.Second
	}
	return p
}
