# `make` lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.tools/bin:$(PATH):/usr/sbin:/sbin

GO       ?= go
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint
FUZZTIME ?= 20s
CRASHES  ?= 100
COPIER_POINTS ?= 1000
TORTURE  ?= 1h

# All that is built here is built in one way, without C and without paths of this machine: so packages are compiled once for the
# program and its tests.
export CGO_ENABLED ?= 0
BUILD    := $(GO) build -trimpath
TEST     := $(GO) test -trimpath
PLAYS    ?= 5000
INTERRUPTIONS ?= 1

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/strongroom-docdb ## build bin/strongroom, its engine of DocumentDB beside it, and bin/strongroom-copier
	$(BUILD) -o bin/strongroom ./cmd/strongroom
	$(BUILD) -o bin/strongroom-copier ./cmd/strongroom-copier

.PHONY: lambda
lambda: ## pack the copier as a Lambda function: bin/strongroom-copier.zip, for GOARCH (amd64)
	@GO="$(GO)" scripts/lambda.sh

bin/strongroom-docdb: engines/docdb/go.mod engines/docdb/go.sum scripts/docdb.sh
	@scripts/docdb.sh

.PHONY: tools
tools: ## install what tests and demo need and this machine lacks
	@scripts/tools.sh

.PHONY: test
test: tools build lambda ## run all tests: packages, SDK and aws CLI against a real server, a few crashes
	$(GO) vet -trimpath ./...
	$(TEST) -vet=off -shuffle=on -timeout 45m ./e2e ./internal/service/rds ./...

.PHONY: race
race: tools build lambda ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(TEST) -race -shuffle=on -timeout 60m ./...

.PHONY: lint
lint: ## linters and the layering rules of .golangci.yml
	$(LINT) run ./...

.PHONY: fmt
fmt: ## format the code
	$(LINT) fmt ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: crash
crash: build ## kill the server with SIGKILL CRASHES (100) times at random instants, of scrubs and repairs too, and check what is left
	CRASHES=$(CRASHES) $(TEST) -count=1 -v -timeout 60m -run '^(TestCrash|TestKilledInScrubAndRepair)$$' ./e2e

.PHONY: corruption
corruption: ## attack every byte of a vault's objects, and repair every kind of loss of every one
	STRONGROOM_CORRUPTION=all $(TEST) -count=1 -timeout 60m -run 'TestEveryCorruption|TestRepair' ./archive

.PHONY: torture
torture: build ## for TORTURE (1h): random histories of vaults, and of a server that is killed, held to a model; prints the seed of a failure
	TORTURE=$(TORTURE) $(TEST) -count=1 -v -timeout 0 -run '^(TestTorture|TestCrash)$$' ./archive ./e2e

.PHONY: faults
faults: build ## strike every operation of the archive and of a server's vaults with every fault, and try the protocol's larger models
	FAULTS=all $(TEST) -count=1 -v -timeout 60m -run 'TestFault|TestTheProtocolHolds|TestEveryRuleIsNeeded' ./archive ./archive/model ./e2e

.PHONY: plays
plays: ## let the processes of an archive meet in PLAYS (5000) random orders of each plot, and in all with INTERRUPTIONS (1); prints the seed of a failure
	PLAYS=$(PLAYS) INTERRUPTIONS=$(INTERRUPTIONS) $(TEST) -count=1 -v -timeout 0 -run 'TestWhoeverComesFirst|TestEveryInterruption' ./archive

.PHONY: chaos
chaos: build ## copy COPIER_POINTS (1000) recovery points on while events, calls, copiers and the server fail
	COPIER_POINTS=$(COPIER_POINTS) $(TEST) -count=1 -v -timeout 60m -run TestCopierChaos ./e2e

.PHONY: bench
bench: build ## measure backup, copy, restore and verify beside restic and borg
	@scripts/bench.sh

.PHONY: bench-growth
bench-growth: build ## measure single steps among ever more recovery points and objects (BENCH_GROWTH_FLAGS=-points=10,100,1000,10000)
	$(BUILD) -o bin/bench ./bench
	bin/bench growth -markdown bench-data/growth.md -charts bench-data/growth $(BENCH_GROWTH_FLAGS)

.PHONY: bench-api
bench-api: build ## measure single requests, and lists among very many (BENCH_API_FLAGS=-keys=100000), beside moto if it is installed
	$(BUILD) -o bin/bench ./bench
	bin/bench api -markdown bench-data/api.md $(BENCH_API_FLAGS)

.PHONY: bench-store
bench-store: build ## measure a bucket that is far away, beside restic if it is on PATH (BENCH_STORE_FLAGS="-delay 100ms -data volume")
	$(BUILD) -o bin/bench ./bench
	bin/bench store -markdown bench-data/store.md $(BENCH_STORE_FLAGS)

.PHONY: e2e
e2e: tools build lambda ## the end-to-end tests only: the tour of README.md, the demo, crashes
	$(TEST) -count=1 -v -timeout 60m ./e2e

.PHONY: demo
demo: tools build lambda ## the main job, end to end, on a fresh server (DEMO_FLAGS=--keep leaves it running)
	bin/strongroom demo $(DEMO_FLAGS)

.PHONY: docs
docs: ## write the pages of docs that are generated
	$(TEST) -count=1 -run TestCoveragePage ./e2e -update
	$(TEST) -count=1 -run TestAuthorizationPage ./internal/server -update
	$(TEST) -count=1 -run TestTroubleshootingPage ./rules -update

.PHONY: tidy
tidy: ## tidy go.mod
	$(GO) mod tidy

.PHONY: verify
verify: ## check that go.mod is tidy and the code is formatted
	$(GO) mod tidy -diff
	$(LINT) fmt --diff ./...

.PHONY: hooks
hooks: ## let git run .githooks before a commit
	git config core.hooksPath .githooks
