package main

import "strconv"

// A row is one benchmark, and the peers that take part in it.
type row struct {
	name   string
	peers  []string // the part of the benchmark's name that stands for one process each
	rounds int
	args   []string // of the test binary
	vals   bool     // vals takes part, from its own module
	trace  bool     // samples over time are kept
}

// allRows are the rows in the order in which they are measured.
func allRows(o options) []row {
	fast, slow := o.rounds, max(1, o.rounds/3)
	benchtime, pairs, samples, held, outage, recovery := "60ms", "50x", 100, 10_000, "8s", "30s"
	if o.quick {
		fast, slow, benchtime, pairs, samples, held, outage, recovery = 1, 1, "5ms", "2x", 10, 300, "1s", "5s"
	}
	counts := func(n int) []string { return []string{"-test.benchtime=1x", "-samples=" + strconv.Itoa(n)} }
	out := []string{"-test.benchtime=1x", "-outage=" + outage, "-recovery=" + recovery}
	timed := []string{"-test.benchtime=" + benchtime}
	kinds := func(peers ...string) (all []string) {
		for _, kind := range []string{"hang", "refuse", "throttle"} {
			for _, p := range peers {
				all = append(all, "kind="+kind+"/peer="+p)
			}
		}
		return all
	}
	return []row{
		{name: "Held", peers: peers("floor", "ours", "ours-revealed", "ours-on-demand", "runtimevar", "setec", "awscache"), rounds: fast, args: timed, vals: true},
		{name: "Scaling", peers: peers("floor", "ours", "ours-on-demand", "runtimevar", "setec", "awscache"), rounds: fast, args: []string{"-test.benchtime=" + pairs}},
		{name: "Handle", peers: peers("floor", "ours", "runtimevar", "setec"), rounds: fast, args: timed},
		{name: "Cold", peers: peers("raw", "ours", "awscache", "runtimevar", "setec"), rounds: fast, args: counts(samples), vals: true},
		{name: "ColdPair", peers: []string{"backend=awssm", "backend=ssm", "backend=vault", "backend=gcp"}, rounds: fast, args: counts(9 * samples)},
		{name: "Herd", peers: peers("ours", "ours-on-demand", "raw", "awscache", "runtimevar", "setec"), rounds: slow, args: counts(samples), vals: true},
		{name: "Start", peers: peers("ideal-awssm", "ours-awssm", "ideal-ssm", "ours-ssm", "raw-in-turn", "raw-at-once", "awscache", "runtimevar", "setec"), rounds: fast, args: counts(samples)},
		{name: "StartPair", peers: []string{"backend=awssm", "backend=ssm"}, rounds: fast, args: counts(samples / 2)},
		{name: "Outage", peers: kinds("ours", "ours-on-demand", "raw", "awscache", "runtimevar", "setec"), rounds: 1, args: out, trace: true},
		{name: "Recovery", peers: kinds("ours"), rounds: 1, args: out},
		{name: "Rotation", peers: peers("ours", "ours-on-demand", "awscache", "runtimevar", "setec"), rounds: slow, args: counts(samples)},
		{name: "FileRotation", peers: []string{"layout=rename/peer=ours", "layout=rename/peer=runtimevar", "layout=kubernetes/peer=ours", "layout=kubernetes/peer=runtimevar"}, rounds: slow, args: counts(samples)},
		{name: "FilesOpen", peers: peers("floor", "ours", "runtimevar"), rounds: fast, args: []string{"-test.benchtime=30x"}},
		{name: "Heap", peers: peers("map", "ours", "awscache", "runtimevar", "setec"), rounds: slow, args: []string{"-test.benchtime=1x", "-held=" + strconv.Itoa(held)}, vals: true},
		{name: "Refresh", peers: peers("ours"), rounds: slow, args: []string{"-test.benchtime=1x", "-documents=" + strconv.Itoa(held)}},
		{name: "Freeze", peers: []string{
			"connections=kept/peer=ours-on-demand", "connections=kept/peer=ours", "connections=kept/peer=raw", "connections=kept/peer=awscache",
			"connections=dropped/peer=ours-on-demand", "connections=dropped/peer=ours", "connections=dropped/peer=raw", "connections=dropped/peer=awscache",
		}, rounds: slow, args: out},
		{name: programRow},
	}
}

// peers returns the names as parts of a benchmark's name.
func peers(names ...string) (all []string) {
	for _, name := range names {
		all = append(all, "peer="+name)
	}
	return all
}
