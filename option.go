package secrets

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/shorten"
)

// An Option sets one thing of a [Resolver].
type Option func(*settings)

// settings has the values that options and configuration set.
type settings struct {
	ttl         time.Duration
	maxStale    time.Duration
	timeout     time.Duration
	idle        time.Duration // 0: three TTLs
	negativeTTL time.Duration
	maxEntries  int
	logger      *slog.Logger // nil: slog.Default at the time of the record
	observer    Observer
	references  map[string]string
	onDemand    bool
	clock       cache.Clock
	err         error // the first option that is wrong
}

const defaultTTL = 5 * time.Minute

func defaultSettings() settings {
	return settings{
		ttl:         defaultTTL,
		maxStale:    24 * time.Hour,
		timeout:     10 * time.Second,
		negativeTTL: 2 * time.Second,
		maxEntries:  100_000,
		onDemand:    onLambda(),
		clock:       cache.SystemClock(),
	}
}

// onLambda reports whether the process is frozen between requests.
func onLambda() bool { return os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" }

func (s *settings) refuse(option, why string) {
	if s.err == nil {
		s.err = &Error{Op: "option " + option, Err: invalid("%s", why)}
	}
}

// WithTTL sets how old a document gets before it is read again; the default
// is 5 minutes. Reads are spread over 0.8 to 1.0 of it. With 0 nothing is kept:
// every Get reads, or joins a read that other callers wait for already; but leased
// documents are kept. A TTL that is negative, or shorter than a millisecond, as
// WithTTL(300) is by mistake, is [ErrInvalid], except for [time.Nanosecond], with
// which every document is due at once. The TTL causes no more than one read of a
// document in 10 ms.
func WithTTL(d time.Duration) Option {
	return func(s *settings) {
		switch {
		case d < 0:
			s.refuse("WithTTL", "the duration is negative")
		case d > time.Nanosecond && d < leastDuration:
			s.refuse("WithTTL", noUnit(d))
		default:
			s.ttl = d
		}
	}
}

// leastDuration is the shortest duration for the options that set how often a backend
// is read: a shorter one is a number whose unit was forgotten.
const leastDuration = time.Millisecond

func noUnit(d time.Duration) string {
	return fmt.Sprintf("the duration is %v, too short to be meant: a number without a unit counts nanoseconds; write %d*time.Second", d, d)
}

// WithMaxStale sets how old a value may get while its backend fails; the
// default is 24 hours. When a value is older, Get reads, and returns the result of
// that read. It must be a millisecond at least.
func WithMaxStale(d time.Duration) Option {
	return positive("WithMaxStale", d, func(s *settings) { s.maxStale = d })
}

// WithTimeout bounds one read of a backend, its response's body and its
// retries included; the default is 10 seconds. Less than a millisecond is
// [ErrInvalid].
func WithTimeout(d time.Duration) Option {
	return positive("WithTimeout", d, func(s *settings) { s.timeout = d })
}

// WithIdle sets after which time without a Get a document is no longer
// refreshed; the default is three TTLs. The next Get reads it, and waits for
// that read for a second at most. It must be positive.
func WithIdle(d time.Duration) Option {
	return func(s *settings) {
		if d <= 0 { // a very short one is allowed: it causes no reads
			s.refuse("WithIdle", "the duration must be positive")
			return
		}
		s.idle = d
	}
}

// WithNegativeTTL sets for how long a missing name is remembered as missing;
// the default is 2 seconds. It must be a millisecond at least.
func WithNegativeTTL(d time.Duration) Option {
	return positive("WithNegativeTTL", d, func(s *settings) { s.negativeTTL = d })
}

// WithMaxEntries bounds how many documents and names together are held; the
// default is 100,000. Missing names have a bound of their own, a tenth of it.
func WithMaxEntries(n int) Option {
	return func(s *settings) {
		if n < 1 {
			s.refuse("WithMaxEntries", "the number must be at least 1")
			return
		}
		s.maxEntries = n
	}
}

// WithLogger sets where the resolver logs failures, recoveries and rotations;
// names and versions, never values. The default is [slog.Default] at the time
// of the record; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		s.logger = l
	}
}

// WithObserver sets a function that is called for every backend read and every
// change of state; see [Observer].
func WithObserver(o Observer) Option {
	return func(s *settings) { s.observer = o }
}

// WithReferences sets where names live: each key is a name, and its value is the
// reference to the one place where that name is looked for. A key that ends in a
// slash is for all names below it. If several keys fit a name, the exact key is
// used, or else the longest. If the option is given twice, the maps are merged.
func WithReferences(references map[string]string) Option {
	return func(s *settings) {
		merged := make(map[string]string, len(s.references)+len(references))
		maps.Copy(merged, s.references)
		maps.Copy(merged, references)
		s.references = merged
	}
}

// WithOnDemand makes the resolver refresh in Get only, and not in the background: for
// sandboxes that freeze between requests, and for short programs. It is the default
// if AWS_LAMBDA_FUNCTION_NAME is set.
func WithOnDemand() Option {
	return func(s *settings) { s.onDemand = true }
}

func positive(option string, d time.Duration, set func(*settings)) Option {
	return func(s *settings) {
		switch {
		case d <= 0:
			s.refuse(option, "the duration must be positive")
		case d < leastDuration:
			s.refuse(option, noUnit(d))
		default:
			set(s)
		}
	}
}

// A Config is a configuration of a resolver, for [OpenConfig]. A program can have one
// in its own configuration, and package config reads one from YAML. Zero fields mean
// the defaults.
type Config struct {
	// Providers are provider URIs, searched in order.
	Providers []string `json:"providers" yaml:"providers" mapstructure:"providers"`
	// References set where names live; see [WithReferences].
	References map[string]string `json:"references,omitempty" yaml:"references,omitempty" mapstructure:"references"`
	// Cache says how long values are held.
	Cache CacheConfig `json:"cache,omitzero" yaml:"cache,omitempty" mapstructure:"cache"`
	// Refresh is "background" (the default) or "on_demand"; see [WithOnDemand].
	Refresh string `json:"refresh,omitempty" yaml:"refresh,omitempty" mapstructure:"refresh"`
}

// A CacheConfig says how long values are held; zero fields mean the defaults, which
// the options of the same names document.
type CacheConfig struct {
	TTL         *Duration `json:"ttl,omitempty" yaml:"ttl,omitempty" mapstructure:"ttl"` // a pointer, since 0 means: keep nothing
	MaxStale    Duration  `json:"max_stale,omitzero" yaml:"max_stale,omitempty" mapstructure:"max_stale"`
	Timeout     Duration  `json:"timeout,omitzero" yaml:"timeout,omitempty" mapstructure:"timeout"`
	Idle        Duration  `json:"idle,omitzero" yaml:"idle,omitempty" mapstructure:"idle"`
	NegativeTTL Duration  `json:"negative_ttl,omitzero" yaml:"negative_ttl,omitempty" mapstructure:"negative_ttl"`
	MaxEntries  int       `json:"max_entries,omitempty" yaml:"max_entries,omitempty" mapstructure:"max_entries"`
}

// A Duration is a time.Duration that reads 5m or 24h in every format that
// honours [encoding.TextUnmarshaler].
type Duration time.Duration

// UnmarshalText reads what [time.ParseDuration] does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return invalid("%s is no duration; want one like 30s, 5m or 24h", shorten.Quote(string(text)))
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// OpenConfig returns a resolver that is configured by cfg. Options override cfg.
// Like [Open] it does no I/O, and its errors are [ErrInvalid].
func OpenConfig(ctx context.Context, cfg Config, opts ...Option) (*Resolver, error) {
	if len(cfg.Providers) == 0 && len(cfg.References) == 0 {
		return nil, &Error{Op: "open", Err: invalid("the configuration names no providers")}
	}
	all, err := cfg.options()
	if err != nil {
		return nil, err
	}
	return openURIs(ctx, cfg.Providers, append(all, opts...))
}

// options turns the configuration into options.
func (c Config) options() ([]Option, error) {
	var opts []Option
	if c.Cache.TTL != nil {
		opts = append(opts, WithTTL(time.Duration(*c.Cache.TTL)))
	}
	for _, o := range []struct {
		value Duration
		with  func(time.Duration) Option
	}{
		{c.Cache.MaxStale, WithMaxStale},
		{c.Cache.Timeout, WithTimeout},
		{c.Cache.Idle, WithIdle},
		{c.Cache.NegativeTTL, WithNegativeTTL},
	} {
		if o.value != 0 {
			opts = append(opts, o.with(time.Duration(o.value)))
		}
	}
	if c.Cache.MaxEntries != 0 {
		opts = append(opts, WithMaxEntries(c.Cache.MaxEntries))
	}
	if len(c.References) > 0 {
		opts = append(opts, WithReferences(c.References))
	}
	switch c.Refresh {
	case "", "background":
	case "on_demand":
		opts = append(opts, WithOnDemand())
	default:
		return nil, &Error{Op: "open", Name: "refresh", Err: invalid("%s is neither background nor on_demand", shorten.Quote(c.Refresh))}
	}
	return opts, nil
}
