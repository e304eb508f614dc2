# `make help` lists the targets. Variables can be set in the environment or on the command line:
#   CARGO        the cargo to use
#   CARGO_FLAGS  given to every build, check and test, such as --locked or --offline
#   PROFILE      the profile of `build` and `demo`
#   IMAGES       the folder of `images`; given to `e2e-node`, the images that it runs
#   REGISTRY     put before the names of the images, such as registry.example.com/team
#
# The demo uses the dev profile: the hot dependencies are optimised in it, the rest is not. That is fast
# enough to count with, and by far the quickest to build from nothing on two cores.

CARGO ?= cargo
CARGO_FLAGS ?=
PROFILE ?= dev

# Asked of cargo, which may be configured to build somewhere else; the folder of the dev profile is `debug`.
TARGET = $(shell $(CARGO) metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
BIN = $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))

.DEFAULT_GOAL := help
.PHONY: help build test lint fmt gen check-gen check-deps demo demo-serve demo-quiet conformance images e2e e2e-node fuzz bench bench-operator doc

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One command for all, so that every crate is built once, with the features that all of them need.
build: ## build the binaries: weir-operator, weir-proxy, weir-demo
	$(CARGO) build $(CARGO_FLAGS) --profile $(PROFILE) --workspace --bins

test: check-deps check-gen demo-quiet ## run all tests, the demo and the checks of dependencies and generated files
	@if command -v go >/dev/null; then $(MAKE) e2e; \
	else echo "left out: make e2e, which needs Go 1.26 to build the Kubernetes components"; fi
	@if reasons=$$(e2e/tools/node-needs); then $(MAKE) images REGISTRY= && $(MAKE) e2e-node IMAGES=$(IMAGES); \
	else echo "left out: make images e2e-node, which cannot run here:"; echo "$$reasons"; fi
	@$(MAKE) --no-print-directory conformance
	$(CARGO) test $(CARGO_FLAGS) -p weir-operator --no-default-features
	$(CARGO) test $(CARGO_FLAGS) --workspace --all-features

lint: ## check formatting, run clippy with warnings as errors, and cargo-deny where it is installed
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CARGO_FLAGS) --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy $(CARGO_FLAGS) -p weir-operator --all-targets --no-default-features -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; \
	else echo "cargo-deny is not installed: licences, advisories and banned crates are not checked"; fi

fmt: ## format the code
	$(CARGO) fmt --all

# The chart has its own copy, since a chart cannot refer to files outside of it.
CRDS := crds charts/weir/crds

gen: build ## write the generated files: crds/, the chart's copy of it, docs/conditions.md, docs/compatibility.md
	@for crds in $(CRDS); do $(BIN)/weir-operator crd --output "$$crds" || exit 1; done
	@$(BIN)/weir-operator explain --markdown --output docs/conditions.md
	@$(BIN)/weir-operator explain --compatibility --output docs/compatibility.md

check-gen: build ## check that the generated files are up to date
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && $(BIN)/weir-operator crd --output "$$new" && \
	for crds in $(CRDS); do \
	  diff -ru "$$crds" "$$new" || { echo "$$crds is not what the types make; run \`make gen\`" >&2; exit 1; }; done; \
	$(BIN)/weir-operator explain --markdown | diff -u docs/conditions.md - || \
	{ echo "docs/conditions.md is not what the catalogues say; run \`make gen\`" >&2; exit 1; }; \
	$(BIN)/weir-operator explain --compatibility | diff -u docs/compatibility.md - || \
	{ echo "docs/compatibility.md is not what the catalogue says; run \`make gen\`" >&2; exit 1; }

# What a crate may depend on is part of its design; see docs/architecture.md.
check-deps: ## check what the crates depend on, and that each of them builds alone
	@refuse() { package=$$1 names=$$2; shift 2; \
	  tree=$$($(CARGO) tree $(CARGO_FLAGS) -p "$$package" -e normal --prefix none "$$@") || exit 1; \
	  found=$$(echo "$$tree" | grep -E "^($$names) v" | sort -u); \
	  if [ -n "$$found" ]; then \
	    echo "$$package $$* must not depend on:" >&2; echo "$$found" >&2; exit 1; \
	  fi; echo "$$package $$*: free of $$names"; }; \
	refuse weir-operator 'tokio|hyper' --no-default-features && \
	refuse weir-model 'tokio|hyper' --all-features && \
	refuse weir-proxy 'kube|kube-.*|k8s-openapi'
	$(CARGO) check $(CARGO_FLAGS) -p weir-model
	$(CARGO) check $(CARGO_FLAGS) -p weir-operator
	$(CARGO) check $(CARGO_FLAGS) -p weir-operator --no-default-features
	$(CARGO) check $(CARGO_FLAGS) -p weir-proxy
	$(CARGO) check $(CARGO_FLAGS) -p weir-e2e

demo: build ## serve examples/, edit them and break them under load; ends by itself
	@$(BIN)/weir-demo

demo-serve: build ## serve examples/ until Ctrl-C, to play with
	@$(BIN)/weir-demo --serve

demo-quiet: build
	$(BIN)/weir-demo --quiet

# h2spec, and WebSocket's cases with the proxy and without
conformance: ## run the suites of others against the proxy: HTTP/2 and WebSocket
	@proxy/tests/conformance/run

FUZZ_SECONDS ?= 60

# As tests they run for a moment each.
fuzz: ## try inputs that nobody would write on all that reads any, each for FUZZ_SECONDS
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test $(CARGO_FLAGS) -p weir-operator --all-features --test fuzz -- --nocapture
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test $(CARGO_FLAGS) -p weir-proxy --all-features --lib fuzz:: -- --nocapture

IMAGES ?= images
REGISTRY ?=

# As they are shipped, which takes minutes to build. The commit's date is theirs, so that it makes the same bytes again.
images: ## write the container images into images/, without a container engine
	$(CARGO) build $(CARGO_FLAGS) --release -p weir-operator -p weir-proxy --bins
	@$(CARGO) run $(CARGO_FLAGS) -q -p weir-e2e --bin weir-images -- --programs $(TARGET)/release --output $(IMAGES) \
	  --registry "$(REGISTRY)" --revision "$$(git rev-parse HEAD 2>/dev/null)" \
	  --created "$$(git show -s --format=%cI HEAD 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)"

# The environment's KUBECONFIG is whatever its owner works with; only one that is given to make is meant.
ifeq ($(origin KUBECONFIG),command line)
e2e: export WEIR_E2E_KUBECONFIG := $(abspath $(KUBECONFIG))
E2E_TOOLS := kubectl helm
E2E_SKIP := --skip own::
E2E_LEFT_OUT := echo "left out: the tests in own::, which need a control plane of their own"
else
E2E_TOOLS := etcd kube-apiserver kube-controller-manager kubectl helm
endif

e2e: build ## run the tests against a real Kubernetes API; KUBECONFIG=FILE uses a cluster that is there
	@e2e/tools/build $(E2E_TOOLS) >/dev/null
	$(CARGO) test $(CARGO_FLAGS) -p weir-e2e --test cluster --test chart -- --ignored --test-threads 4 $(E2E_SKIP)
	@$(E2E_LEFT_OUT)

# A cluster that is there needs the images of `make images`, where WEIR_E2E_HELM says if they have other names (flags of
# `helm install`, such as `--set image.registry=registry.example.com/team`), and weir-backend in the place of
# traefik/whoami; and this machine needs a route to its pods and Services, as each of its nodes has one.
ifeq ($(origin KUBECONFIG),command line)
e2e-node: export WEIR_E2E_KUBECONFIG := $(abspath $(KUBECONFIG))
NODE_NEEDS := true
NODE_TOOLS := kubectl helm
NODE_SKIP := --skip own::
NODE_LEFT_OUT := echo "left out: the tests in own::, which kill and reboot a node of their own"
else
NODE_NEEDS := e2e/tools/node-needs
NODE_TOOLS := etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl helm \
	containerd containerd-shim-runc-v2 ctr runc
endif

# One after the other: they measure, and all of them share two cores with the node.
ifneq ($(filter command line environment,$(origin IMAGES)),)
e2e-node: export WEIR_E2E_IMAGES := $(abspath $(IMAGES))
endif
e2e-node: build ## run the tests on a real node, as root; KUBECONFIG=FILE uses a cluster that has the images
	@$(NODE_NEEDS) || { echo "make e2e-node cannot run here" >&2; exit 1; }
	@e2e/tools/build $(NODE_TOOLS) >/dev/null
	$(CARGO) test $(CARGO_FLAGS) -p weir-e2e --test node -- --ignored --test-threads=1 $(NODE_SKIP)
	@$(NODE_LEFT_OUT)

# Everything as it is shipped, and the others as Debian ships them. About half an hour on a machine that does nothing else;
# QUICK=1 is for a look whether it works: its numbers say little.
bench: ## measure weir beside nginx and haproxy, and Traefik with TRAEFIK=FILE; QUICK=1 takes a few minutes
	@missing=; for program in nginx haproxy valgrind; do \
	  command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "missing:$$missing" >&2; exit 1; }; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; fi
	$(CARGO) build $(CARGO_FLAGS) --release -p weir-operator -p weir-proxy -p weir-bench --bins
	@$(BENCH) compare $(BENCH_FLAGS) $(if $(QUICK),--rounds 1 --hurry 20) >/dev/null
	@$(BENCH) instructions $(BENCH_FLAGS) $(if $(QUICK),--only one$(,)tree$(,)sticky) >/dev/null
	@$(BENCH) growth $(BENCH_FLAGS) $(if $(QUICK),--rounds 1 --most 1000)
	@$(if $(QUICK),,$(BENCH) report --docs docs/performance.md)

BENCH = $(TARGET)/release/weir-bench
# what a look finds does not take the place of results
BENCH_FLAGS = --binaries $(TARGET)/release --output $(if $(QUICK),$(TARGET)/bench,bench/results)
, := ,

# As it is shipped, which takes minutes to build; `PROFILE=quick` is near to it.
bench-operator: ## measure the operator with 2,000 TraefikServices on a real API server
	@e2e/tools/build etcd kube-apiserver kube-controller-manager kubectl >/dev/null
	@$(MAKE) --no-print-directory build PROFILE=$(if $(filter file,$(origin PROFILE)),release,$(PROFILE))
	@$(TARGET)/$(if $(filter file,$(origin PROFILE)),release,$(PROFILE))/weir-bench-operator

doc: ## build the API documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(CARGO_FLAGS) --workspace --all-features --no-deps
