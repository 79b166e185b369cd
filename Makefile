# make help lists what there is. The work is done by the scripts in .ci, which
# CI runs, too.

.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

check: format deps vet staticcheck test ## what CI runs first: format, dependency rules, vet, staticcheck, tests with race
ci: ; bash .ci/run
ci: ## everything that CI runs; takes the better part of an hour the first time

format vet staticcheck deps: ; .ci/$@
format: ## names the files that gofmt would change
deps: ## fails if a package links what it must not
vet: ## go vet of every module
staticcheck: ## staticcheck of every module

test: ## the tests, with the race detector; ARGS='-run Watch' adds flags
	.ci/test $(ARGS)

bench: ## the benchmarks beside the code; BENCH=Get chooses
	go test -run='^$$' -bench='$(or $(BENCH),.)' -benchmem ./...

fuzz: ## every fuzz target; FUZZTIME=60s says for how long
	.ci/fuzz $(or $(FUZZTIME),10s)

integration: ## the suites against real servers; PKG=./vault chooses one
	.ci/prepare
	.ci/integration $(PKG)

tidy: ## go mod tidy in every module
	.ci/tidy -w

.PHONY: help check ci format vet staticcheck deps test bench fuzz integration tidy
