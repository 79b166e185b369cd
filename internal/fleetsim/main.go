// Fleetsim tells what a fleet of processes that use the resolver does to its
// backend: one run of given parameters, or, with -out, every plot and table of
// docs/scale.md.
//
//	go run ./internal/fleetsim -backend ssm -processes 2000 -documents 10 -rollout 2m
//	go run ./internal/fleetsim -out docs/scale
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-secrets/secrets/internal/fleetsim/fleet"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fleetsim:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	var p fleet.Params
	flags := flag.NewFlagSet("fleetsim", flag.ContinueOnError)
	out := flags.String("out", "", "directory for the plots of docs/scale.md, whose tables are rewritten, too")
	flags.IntVar(&part, "part", part, "by how much -out makes large fleets smaller, and the quotas beside them")
	backend := flags.String("backend", "awssm", "awssm, ssm, ssm-higher, gcp or vault")
	rate := flags.Float64("rate", 0, "calls a second that the backend answers; 0: its default (vault: 500)")
	price := flags.Float64("price", -1, "US dollars for 10,000 calls; below 0: the backend's")
	flags.IntVar(&p.Processes, "processes", 1000, "processes in the fleet")
	flags.IntVar(&p.Documents, "documents", 10, "documents that each of them holds")
	flags.DurationVar(&p.TTL, "ttl", fleet.DefaultTTL, "as WithTTL")
	flags.DurationVar(&p.Timeout, "timeout", fleet.DefaultTimeout, "as WithTimeout")
	flags.BoolVar(&p.NoBatch, "nobatch", false, "as ?batch=false")
	flags.BoolVar(&p.NoJitter, "nojitter", false, "draw nothing: what the resolver would be without jitter")
	flags.BoolVar(&p.Apart, "apart", false, "draw the memory of a failure for each document, which the resolver does not")
	flags.BoolVar(&p.Warm, "warm", false, "a fleet that has run for long, instead of a start")
	flags.BoolVar(&p.Crash, "crash", false, "a process that fails to start exits, and Kubernetes restarts it")
	flags.BoolVar(&p.UntilStarted, "until-started", false, "stop when all processes have their secrets")
	flags.DurationVar(&p.Rollout, "rollout", 0, "over which the processes start")
	flags.DurationVar(&p.Duration, "duration", time.Hour, "that is simulated")
	flags.Float64Var(&p.Others, "others", 0, "calls a second that others make of the same quota")
	flags.Uint64Var(&p.Seed, "seed", 1, "of chance")
	outage := flags.Duration("outage", 0, "how long the backend is down, from the middle of the run on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if part < 1 {
		return fmt.Errorf("-part must be at least 1")
	}
	if *out != "" {
		return report(*out, stdout)
	}
	known := map[string]fleet.Backend{
		"awssm": fleet.SecretsManager, "ssm": fleet.ParameterStore, "ssm-higher": fleet.ParameterStoreHigher,
		"gcp": fleet.SecretManager, "vault": fleet.Vault(500),
	}
	var ok bool
	if p.Backend, ok = known[*backend]; !ok {
		return fmt.Errorf("no backend is called %q", *backend)
	}
	if *rate > 0 {
		p.Backend.Single, p.Backend.Batched = fleet.PerSecond(*rate), fleet.Quota{}
	}
	if *price >= 0 {
		p.Backend.Price.Calls = *price
	}
	if *outage > 0 {
		p.Outages = []fleet.Outage{{From: p.Duration / 2, To: p.Duration/2 + *outage}}
	}
	tell(stdout, fleet.Run(p))
	return nil
}

// tell prints what a run showed.
func tell(w io.Writer, r *fleet.Result) {
	total := r.Total(0, 0)
	most, p99 := r.Oldest(0)
	fmt.Fprintf(w, "calls              %d: %d answered, %d throttled, %d refused\n", total.Calls, total.OK, total.Throttled, total.Refused)
	fmt.Fprintf(w, "a second           %d at the peak\n", r.Peak(0, 0))
	for _, part := range []float64{0.5, 0.99, 1} {
		if at, ok := r.StartedBy(part); ok {
			fmt.Fprintf(w, "%3.0f %% started      after %v\n", 100*part, at.Round(10*time.Millisecond))
		} else {
			fmt.Fprintf(w, "%3.0f %% started      not within the run\n", 100*part)
		}
	}
	fmt.Fprintf(w, "oldest value       %v (99th percentile at its worst: %v)\n", most.Round(time.Second), p99.Round(time.Second))
	if !r.Params.UntilStarted {
		calls, kept := r.Monthly(0)
		fmt.Fprintf(w, "a month like this  %.2f USD for calls, %.2f USD for the documents\n", calls, kept)
	}
}
