// Package bench measures the library beside what a Go program could use
// instead: gocloud.dev/runtimevar, AWS's caching client, tailscale's setec,
// vals (in the module below, since it links 250 others), the raw SDKs, and the
// floor, which is a map behind an atomic pointer.
//
// Every row is a Go benchmark with the part peer=… in its name, so that one
// process can be had for each. The backend is a process of its own on the
// loopback interface, package fake. The tests run every row once, with small
// counts, and assert what has to hold on any machine.
//
//	make bench-peers          # in the repository: measures all, writes docs/benchmarks.md
//	go test ./...             # here: the small version
//	go test -run '^$' -bench 'Outage/kind=hang/peer=ours'
//
// It is a module of its own, so that the peers' weight never reaches a user.
package bench
