package secrets

import (
	"context"
	"time"
)

// A Config is what a program carries in its own configuration to open a
// resolver with; package config reads one from YAML. Its zero fields mean the
// defaults.
type Config struct {
	// Providers are provider URIs, searched in order.
	Providers []string `json:"providers" yaml:"providers" mapstructure:"providers"`
	// References say of names that they live elsewhere; see [WithReferences].
	References map[string]string `json:"references,omitempty" yaml:"references,omitempty" mapstructure:"references"`
	// Cache says how long values are held.
	Cache CacheConfig `json:"cache,omitzero" yaml:"cache,omitempty" mapstructure:"cache"`
	// Refresh is "background" (the default) or "on_demand"; see [WithOnDemand].
	Refresh string `json:"refresh,omitempty" yaml:"refresh,omitempty" mapstructure:"refresh"`
}

// A CacheConfig says how long values are held; zero fields mean the defaults,
// which the options of the same names tell.
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
		return invalid("%s is no duration; want one like 30s, 5m or 24h", quote(string(text)))
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// OpenConfig returns a resolver as cfg says. Options go before what cfg says.
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
		return nil, &Error{Op: "open", Name: "refresh", Err: invalid("%s is neither background nor on_demand", quote(c.Refresh))}
	}
	return opts, nil
}
