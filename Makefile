# make help lists what there is. The work is done by the scripts in .ci, which
# CI runs, too.

.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

check: ; .ci/check
check: ## what CI runs first: all of the checks below, and the tests with race; tells at the end what failed or was skipped
ci: ; bash .ci/run
ci: ## everything that CI runs; takes the better part of an hour the first time

format staticcheck errcheck comments gosec govulncheck deps licences docs checks coverage: ; .ci/$@
format: ## names the files that gofmt would change
tidiness: ; .ci/tidy
tidiness: ## fails if go mod tidy would change something
deps: ## fails if a package links what it must not
vet: ; .ci/vet && .ci/vet darwin && .ci/vet windows
vet: ## go vet of every module, and for macOS and Windows of what users build
staticcheck: ## staticcheck of every module
errcheck: ## fails if an error is dropped without a word, in any module
comments: ## fails if an exported name has no comment
gosec: ## looks for insecure code
govulncheck: ## looks for known vulnerabilities; GOVULNDB=file:///… is another database
licences: ## fails on a dependency whose licence is not allowed
apicheck: ; .ci/api
apicheck: ## holds the exported names against api/ and the last release
docs: ## compiles the Go blocks of the pages, and follows their links
checks: ## the tests of the checks themselves
coverage: ## fails if the root's tests run too little of it, or one can not fail

api: ; .ci/api -w
api: ## writes api/ anew, after a change of the API that is meant

test: ## the tests, with the race detector; ARGS='-run Watch' adds flags
	.ci/test $(ARGS)

newest: ; .ci/newest $(ARGS)
newest: ## the tests with the newest Go, without the race detector; NEWEST_GO=go1.27.3 chooses

bench: ## the benchmarks beside the code; BENCH=Get chooses
	go test -run='^$$' -bench='$(or $(BENCH),.)' -benchmem ./...

bench-peers: ## beside the peers: measures all, writes docs/benchmarks.md; about 20 minutes; ARGS='-rows Held'
	cd bench && GOWORK=off go run ./cmd/peers $(ARGS)

fuzz: ## every fuzz target; FUZZTIME=60s says for how long
	.ci/fuzz $(or $(FUZZTIME),10s)

integration: ## the suites against real servers; PKG=./vault chooses one
	.ci/prepare
	.ci/integration $(PKG)

mutate := cd internal/tools && go run ./mutate -skip '^TestModel$$'
mutants: ; $(mutate) -mod ../.. -tests ./internal/spec/... -explained mutate/explained $(or $(ARGS),$(core))
core := cache.go chain.go errors.go index.go list.go name.go observe.go preload.go retry.go search.go secrets.go site.go source.go status.go value.go watch.go
mutants: ## changes the root one comparison at a time, and looks whether a test notices; an hour; ARGS='-sample 20 search.go'

mutants-cache: ; $(mutate) -mod ../../internal/cache -tests '../.. ../spec/...' -explained mutate/explained/cache $(or $(ARGS),$(engine))
engine := backend.go cache.go clock.go demand.go document.go evict.go heap.go lease.go read.go refresh.go replace.go settle.go version.go wait.go watch.go
mutants-cache: ## the same of internal/cache; ARGS='-sample 20 settle.go'

soak: ; SECRETS_MODEL_TIME=$(or $(TIME),30m) go test -race -v -timeout=12h -run='^TestModel$$' ./internal/spec/model
soak: ## the model of the resolver at a reduced rate: memory and goroutines must be flat; half an hour; TIME=2h

scale: ; go run ./internal/fleetsim -out docs/scale
scale: ## the plots and tables of docs/scale.md, simulated anew; some minutes

tidy: ## go mod tidy in every module
	.ci/tidy -w

.PHONY: help check ci format tidiness deps vet staticcheck errcheck comments gosec govulncheck licences apicheck docs checks coverage soak api newest test bench bench-peers fuzz \
	integration mutants mutants-cache scale tidy
