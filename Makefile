# `make` prints this list. Everything that CI does is a target here; .ci/run calls them.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

TARGET := $(or $(CARGO_TARGET_DIR),target)
# release: what users run. dev: built by the tests anyway, so CI checks the README with it.
PROFILE ?= release
FUZZ_SECONDS ?= 60
DATA_DIR ?= data
CARGO_ARGS = $$(scripts/setup.sh --cargo-args)
FEATURES = $$(scripts/features.sh)
# The dev builds resolve features for the whole workspace, as `cargo test` does: dependencies are then built once.
SERVER_release = cargo build --release --package auth-server $(CARGO_ARGS)
SERVER_dev = cargo build --workspace --bin auth-server --bin example-worker $(CARGO_ARGS)
API_release = cargo build --release --package example-protected-api
API_dev = cargo build --workspace --bin example-protected-api $(CARGO_ARGS)
DEMO_release = cargo build --release --package auth-server --package example-protected-api --package example-worker $(CARGO_ARGS)
SERVICES_release = cargo build --release --package auth-server --package example-service $(CARGO_ARGS)
SERVICES_dev = cargo build --workspace --bins $(CARGO_ARGS)
DEMO_dev = cargo build --workspace --bins $(CARGO_ARGS)
BINARIES = $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,release)

##@ Use
.PHONY: help setup run release api dev demo demo-services
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the build needs from the system (Debian as root), or say what is missing
	@scripts/setup.sh

run: setup ## Build and start the server on SQLite in ./data; needs no configuration (PORT=3000); reads .env if there is one
	@$(SERVER_$(PROFILE))
	@mkdir -p $(DATA_DIR)
	@set -a; [ ! -f .env ] || . ./.env; set +a; \
	DATABASE_URL="$${DATABASE_URL:-sqlite:$(DATA_DIR)/auth.db}" exec $(BINARIES)/auth-server serve

release: setup ## Build the server as `make run` does, without starting it
	@$(SERVER_release)

api: setup ## Build and start the example API that accepts the server's tokens
	@$(API_$(PROFILE))
	@exec $(BINARIES)/example-protected-api

demo: setup ## Sign up, get a token, call three APIs and a worker's route: every hop printed
	@[ -n "$${AUTH_BIN_DIR:-}" ] || $(DEMO_$(PROFILE))
	@AUTH_BIN_DIR="$${AUTH_BIN_DIR:-$(BINARIES)}" examples/demo/run.sh

demo-services: setup ## Three services that call each other: an outage, a new key, a disabled service (DEMO_OUTAGE_S=60)
	@[ -n "$${AUTH_BIN_DIR:-}" ] || $(SERVICES_$(PROFILE))
	@AUTH_BIN_DIR="$${AUTH_BIN_DIR:-$(BINARIES)}" examples/demo/services.sh

dist: setup ## Build the server for delivery: smallest and fastest, slowest to build
	cargo build --profile dist --package auth-server $(CARGO_ARGS)

##@ Develop
.PHONY: drill-races drill-rotation drill-revocation test test-rust test-compat test-reference fuzz fmt fmt-check lint doc generate check-generated readme-check deny ci
dev: setup ## Debug build of the server
	@$(SERVER_dev)

test: setup ## All tests; needs nothing running and leaves nothing running
	@scripts/with-pg.sh scripts/with-mysql.sh scripts/with-redis.sh scripts/test.sh

test-rust: setup ## The Rust tests alone
	@scripts/with-pg.sh scripts/with-mysql.sh scripts/with-redis.sh scripts/test.sh rust

test-compat: setup ## The Node and Python suites alone (AUTH_SERVER_BIN=... for another binary)
	@scripts/with-pg.sh scripts/with-mysql.sh scripts/with-redis.sh scripts/test.sh compat

test-reference: ## The Node and Python suites against Better Auth itself: do they ask for the protocol?
	@AUTH_SERVER_BIN=compat/reference/auth-server.mjs COMPAT_DATABASES=postgres scripts/with-pg.sh scripts/with-mysql.sh scripts/with-redis.sh scripts/test.sh compat

fuzz: setup ## Fuzz what reads tokens and key sets (FUZZ_SECONDS=60 for each target, FUZZ_CORPUS=FILE of more tokens)
	@fuzz/run.sh $(FUZZ_SECONDS)

drill-races: setup ## ROUNDS=100: races between two server processes on one PostgreSQL
	@RACE_ROUNDS=$(or $(ROUNDS),100) scripts/with-pg.sh cargo test --package auth-server $(FEATURES) --test races -- --test-threads 1

drill-rotation: setup ## 50 starts of four servers; a new key every 2 s before three verifiers; an emergency; new secrets (DRILL_SECONDS=120)
	@scripts/drill-rotation.sh

drill-revocation: setup ## ROUNDS=50: from a sign-out to 401 at 20 verifier processes, the list away, 1,000,000 entries
	@[ -n "$${AUTH_SERVER_BIN:-}" ] || $(SERVER_$(PROFILE))
	@cargo build $(if $(filter release,$(PROFILE)),--release --package auth-verify,--workspace) --example revocation $(if $(filter dev,$(PROFILE)),$(FEATURES))
	@scripts/with-pg.sh $(BINARIES)/examples/revocation "$${AUTH_SERVER_BIN:-$(BINARIES)/auth-server}" $(or $(ROUNDS),50)

fmt: ## Format the Rust code
	@cargo fmt --all

fmt-check: ## Fail when the Rust code is not formatted
	@cargo fmt --all --check

lint: setup ## clippy, all targets and features, warnings are errors
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings

doc: setup ## Documentation of our crates, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps $(FEATURES)

generate: dev ## Write the generated documents: errors, configuration, endpoints, .env.example
	@$(TARGET)/debug/auth-server generate

check-generated: dev ## Fail when a generated document is out of date
	@$(TARGET)/debug/auth-server generate --check

readme-check: setup ## Run the README's quick start and compare the answers
	@scripts/readme-check.sh

deny: ## Licences, advisories and bans of the dependencies (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 2; }
	cargo deny check

ci: ## What CI runs
	@bash .ci/run

##@ Measure and compare
.PHONY: conform attacks bench bench-verify bench-services dist clean
conform: ## CONFORM_DIR=DIR: recorded transcripts of Better Auth against the release binary
	@[ -n "$(CONFORM_DIR)" ] || { echo "make conform needs CONFORM_DIR, the directory of a conformance runner (matrix.mjs)" >&2; exit 2; }
	@[ -n "$${AUTH_SERVER_BIN:-}" ] || $(MAKE) release
	@CONFORM_DIR="$(CONFORM_DIR)" scripts/conform.sh $(CONFORM_ARGS)

attacks: ## ATTACKS_DIR=DIR: a corpus of HTTP attacks against the release binary, on PostgreSQL with a mail server
	@[ -n "$(ATTACKS_DIR)" ] || { echo "make attacks needs ATTACKS_DIR, the directory of an attack runner (run-http.mjs)" >&2; exit 2; }
	@[ -n "$${AUTH_SERVER_BIN:-}" ] || $(MAKE) release
	@ATTACKS_DIR="$(ATTACKS_DIR)" scripts/attacks.sh $(ATTACKS_PROFILES)

bench: ## Requests per second beside Better Auth on Node, on one PostgreSQL
	@[ -n "$${AUTH_SERVER_BIN:-}" ] || $(MAKE) release
	@bench/run.sh

bench-verify: setup ## Time for one token beside jose, PyJWT and jsonwebtoken
	@bench/verify/run.sh

bench-services: setup ## Service tokens a second, made and checked, beside Ed25519 alone
	@cargo run --quiet --release --package auth-s2s --features mint --example minting

clean: ## Remove everything that was built or installed here; ./data stays
	cargo clean
	rm -rf compat/node_modules compat/browser/node_modules compat/python/.venv
