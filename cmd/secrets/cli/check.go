package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// checkOptions are the flags of check.
type checkOptions struct {
	probe   string
	policy  bool
	against string
	wait    time.Duration
}

func (a *app) checkCommand() *cobra.Command {
	o := checkOptions{}
	cmd := &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Tell whether secrets can be read, and if not, why",
		Long: `check reaches each provider and reads each NAME, and tells: whether there are
credentials and they are accepted, which permission is missing, where a name was
found or looked for, its version and how old that is, and how long it took.
Without names it reads those that the configuration has references for. No
value is printed. The exit code is 1 if anything is wrong.

A provider is reached by reading a name that is not there (--probe). That the
policy denies this read is fine: it still shows that the credentials are good.

With --against URL, the versions are compared with those that a running process
holds; the URL is that of its secrethttp.StatusHandler. Without names, all that
the process holds are compared.

With --policy nothing is read: it prints the least policy for the names, as IAM
JSON, Vault HCL and role bindings for Google Cloud, from the configuration
alone.`,
		Example: `  secrets check
  secrets check db/password stripe/key
  secrets check --policy db#password
  secrets check --against http://localhost:6060/secrets`,
		ValidArgsFunction: a.completeNames,
		RunE: a.does(func(ctx context.Context, args []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			if o.policy {
				return a.policy(src, args)
			}
			return a.check(ctx, src, o, args)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.probe, "probe", "secrets-check", "the `name` that providers are reached by; empty: they are not")
	flags.BoolVar(&o.policy, "policy", false, "print the least policy for the names")
	flags.StringVar(&o.against, "against", "", "compare with a running process, at the `URL` of its status")
	flags.DurationVar(&o.wait, "wait", 0, "go on for this long while a backend is unavailable or throttles")
	cmd.MarkFlagsMutuallyExclusive("policy", "against")
	return cmd
}

// A report is what check found.
type report struct {
	OK        bool             `json:"ok"`
	Providers []providerReport `json:"providers"`
	Names     []nameReport     `json:"names"`
}

// A providerReport tells whether a provider is reached.
type providerReport struct {
	Provider    string  `json:"provider"`           // its URI
	Below       string  `json:"below,omitempty"`    // the names it serves, if a reference says so
	State       string  `json:"state"`              // ok, or the class of the failure
	Credentials string  `json:"credentials"`        // accepted, refused or missing, not needed, unknown
	LatencyMS   float64 `json:"latency_ms"`         // login included
	Note        string  `json:"note,omitempty"`     //
	Error       string  `json:"error,omitempty"`    //
	Permission  string  `json:"missing,omitempty"`  // the permission that is missing
	Declined    bool    `json:"declined,omitempty"` // the probe was denied, which is fine
}

// A nameReport tells whether a name is read.
type nameReport struct {
	Name       string         `json:"name"`
	State      string         `json:"state"` // ok, or the class of the failure
	Provider   string         `json:"provider,omitempty"`
	Document   string         `json:"document,omitempty"`
	Version    string         `json:"version,omitempty"`
	Created    time.Time      `json:"created,omitzero"`     // when the backend made the version, if it says
	AgeSeconds float64        `json:"age_seconds,omitzero"` // since then
	Expires    time.Time      `json:"expires,omitzero"`
	LatencyMS  float64        `json:"latency_ms"`
	Error      string         `json:"error,omitempty"`
	Permission string         `json:"missing,omitempty"` // the permission that is missing
	Running    *runningReport `json:"running,omitempty"` // with --against
}

const stateOK = "ok"

// check reads and reports.
func (a *app) check(ctx context.Context, src source, o checkOptions, names []string) error {
	if len(names) == 0 {
		for name := range src.References {
			if !strings.HasSuffix(name, "/") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	}
	var held []status
	if o.against != "" {
		var err error
		if held, err = fetchStatus(ctx, o.against); err != nil {
			return err
		}
		if len(names) == 0 {
			names = namesOf(held)
		}
	}
	bases := src.bases()
	references := make(map[string]string, len(bases))
	for _, b := range bases {
		references[b.key+"/"] = b.uri
	}
	r, err := src.open(ctx, secrets.WithReferences(references), secrets.WithOnDemand())
	if err != nil {
		return err
	}
	defer r.Close()

	rep := report{Providers: []providerReport{}, Names: []nameReport{}}
	total := len(names)
	if o.probe != "" {
		total += len(bases)
	}
	step, done := a.err.progress("checking", total)
	reader := &waiting{Resolver: r}
	if o.wait > 0 {
		reader.until = time.Now().Add(o.wait)
	}
	if o.probe != "" {
		rep.Providers = each(bases, step, func(b base) providerReport { return probe(ctx, reader, b, o.probe) })
	}
	rep.Names = each(names, step, func(name string) nameReport { return checkName(ctx, reader, src, name) })
	done()
	if ctx.Err() != nil {
		return withCode(ExitInterrupted, "interrupted")
	}
	locate(rep.Names, statusOf(r))
	if o.against != "" {
		compare(rep.Names, held)
	}
	rep.judge()
	return a.printReport(rep)
}

// judge says whether all is well.
func (rep *report) judge() {
	rep.OK = !slices.ContainsFunc(rep.Providers, func(p providerReport) bool { return p.State != stateOK }) &&
		!slices.ContainsFunc(rep.Names, func(n nameReport) bool {
			return n.State != stateOK || n.Running != nil && n.Running.bad()
		})
}

// A base is a place where names are looked for.
type base struct {
	key   string // a name for all names below it, that no configuration has
	uri   string
	below string // the reference's key, if it is one
}

// bases are the providers of the chain and of the references to many names.
func (s source) bases() (all []base) {
	add := func(uri, below string) {
		all = append(all, base{key: fmt.Sprintf("$%d", len(all)), uri: uri, below: below})
	}
	for _, uri := range s.Providers {
		add(uri, "")
	}
	for _, name := range slices.Sorted(maps.Keys(s.References)) {
		if strings.HasSuffix(name, "/") {
			add(s.References[name], name)
		}
	}
	return all
}

// atOnce is how many names are read side by side: as many as the backends take
// without throttling.
const atOnce = 8

// each calls f for every item, several at a time, and keeps their order.
func each[T, R any](items []T, step func(), f func(T) R) []R {
	results := make([]R, len(items))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, item := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = f(item)
			mu.Lock()
			defer mu.Unlock()
			step()
		})
	}
	wg.Wait()
	return results
}

// A waiting reads names as a program does that waits for its manager.
type waiting struct {
	*secrets.Resolver
	until time.Time // zero: it does not wait
}

// Get is that of the resolver, after Preload, which is what waits, has held the
// name or given up.
func (w *waiting) Get(ctx context.Context, name string) (secrets.Secret, error) {
	if w.until.IsZero() {
		return w.Resolver.Get(ctx, name)
	}
	patient, cancel := context.WithDeadline(ctx, w.until)
	defer cancel()
	_ = w.Preload(patient, name) // Get tells what came of it
	if patient.Err() != nil {
		return lastWord(ctx, w.Resolver, name)
	}
	return w.Resolver.Get(ctx, name)
}

// probe reaches a provider.
func probe(ctx context.Context, r *waiting, b base, name string) providerReport {
	start := time.Now()
	_, err := r.Get(ctx, b.key+"/"+name)
	p := providerReport{Provider: shown(b.uri), Below: b.below, State: stateOK, Credentials: "accepted", LatencyMS: since(start)}
	scheme, _, _ := strings.Cut(p.Provider, "://")
	switch class := classOf(err); {
	case err == nil, class == secrets.ErrNotFound:
	case class == secrets.ErrPermission:
		// With a least policy nothing else is to be expected.
		p.Declined, p.Permission = true, permissionOf(err)
		p.Note = "may not read " + name + ", as with a least policy; check the names that are needed"
	default:
		p.State, p.Error = className(err), reasonOf(err).Error()
		p.Credentials = "unknown"
		if class == secrets.ErrUnauthenticated {
			p.Credentials = "refused or missing"
		}
	}
	switch scheme {
	case "env", "envfile", "file":
		p.Credentials = "not needed"
	}
	return p
}

// checkName reads a name.
func checkName(ctx context.Context, r *waiting, src source, name string) nameReport {
	start := time.Now()
	s, err := r.Get(ctx, name)
	n := nameReport{Name: name, State: stateOK, LatencyMS: since(start)}
	if err != nil {
		n.State, n.Error, n.Permission = className(err), src.hinted(reasonOf(err)).Error(), permissionOf(err)
		return n
	}
	n.Version, n.Expires = s.Version(), s.ExpiresAt()
	return n
}

// locate adds where the names were found.
func locate(names []nameReport, documents []status) {
	for i := range names {
		n := &names[i]
		if d := holderOf(documents, n.Name); d != nil && n.State == stateOK {
			n.Provider, n.Document, n.Created = d.Provider, d.Document, d.Created
			if !n.Created.IsZero() {
				n.AgeSeconds = time.Since(n.Created).Round(time.Second).Seconds()
			}
		}
	}
}

// A status is a document as a resolver, here or in another process, tells of
// it.
type status struct {
	secrets.Status
	Created time.Time `json:"created,omitzero"`
}

// statusOf returns what a resolver tells, in the form in which other processes
// tell it.
func statusOf(r *secrets.Resolver) (all []status) {
	text, err := json.Marshal(r.Status())
	if err != nil || json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

// holderOf returns the document that has a name, or else one that was looked
// for under it; nil: there is neither.
func holderOf(documents []status, name string) (found *status) {
	for i, d := range documents {
		if slices.Contains(d.Names, name) && (found == nil || found.State == secrets.StateMissing) {
			found = &documents[i]
		}
	}
	return found
}

// permissionOf returns the name of the permission that is missing, if the
// error tells one.
func permissionOf(err error) string {
	var missing interface{ Permission() string }
	if errors.Is(err, secrets.ErrPermission) && errors.As(err, &missing) {
		return missing.Permission()
	}
	return ""
}

// shown returns a URI as it may be printed: as it was parsed, so that there is
// no credential in it, and without what should name a file and does not, for
// that often is the credential itself.
func shown(uri string) string {
	ref, err := secrets.ParseRef(uri)
	if err != nil {
		return "(malformed)"
	}
	ref.Options = maps.Clone(ref.Options)
	for k, v := range ref.Options {
		if namesFile(k) && !namedfile.Plausible(v) {
			ref.Options[k] = namedfile.Show(v)
		}
	}
	return ref.String()
}

// namesFile reports whether an option is one that should name a file.
func namesFile(option string) bool {
	return strings.HasSuffix(option, "_file") || slices.Contains([]string{"ca_cert", "ca_path", "client_cert", "client_key"}, option)
}

// since returns the time that has passed in milliseconds, to the microsecond.
func since(start time.Time) float64 {
	return float64(time.Since(start).Microseconds()) / 1000
}
