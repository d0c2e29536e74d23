# make run    build (release) and start; the page is on http://localhost:8080
# make test   everything: checks of units, of the program beside real daemons, and the same on cgroup v2
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: run build test check bless unit e2e e2e-v2 bench soak fuzz image deps clean workload

# The binary is linked statically, so that the same file serves a host, a virtual machine and an empty image.
# LINK=dynamic is for machines with NVIDIA GPUs: only a dynamic program can load the driver's library (docs/gpu.md).
LINK ?= static
TRIPLE := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
OUT    := $(TARGET)/$(TRIPLE)/release
DYNAMIC := $(TARGET)/dynamic
BIN    := $(OUT)/plimsoll
FIXED  := RUSTFLAGS="$(RUSTFLAGS) -C target-feature=+crt-static"
STATIC := $(FIXED) cargo build --locked --release --target $(TRIPLE)
# addresses that the start of the program corrects, as a map of bits: a megabyte less. The C library does that since 2.36
PACKED := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | awk -F'[ .]' '$$2 > 2 || $$3 >= 36 { print "-C link-arg=-Wl,-z,pack-relative-relocs" }')
# functions of the same code are kept once: a third of a megabyte. Not every linker knows the word; rustc's own does
FOLDED = $(shell t=$$(mktemp -d) && echo 'fn main() {}' | rustc --crate-name probe -C link-arg=-Wl,--icf=all -o $$t/probe - 2>/dev/null && echo "-C link-arg=-Wl,--icf=all"; rm -rf $$t)
# All packages are optimized together in the end, at the level of the program's own. That is `s`, at which no loop of any
# package works on several numbers at once: a compressed list of all pods took a third longer. Level 2, which unrolls
# nothing and takes less inline than it would, is 0.4 MB larger (docs/benchmarks.md).
LAST   := -C opt-level=2 $(addprefix -C llvm-args=-,inline-threshold=80 unroll-threshold=10 unroll-runtime=false)
# Cargo forgets the profile's word for this where a package has a word of its own about its optimization
BARE   := -C strip=symbols
ARGS   ?=

# PAGE=none builds without Node.js: then the pages are plain HTML alone
PAGE ?= full
SCRIPT := web/dist/page.js.gz
export PLIMSOLL_PAGE := $(PAGE)

run: build
	exec $(TARGET)/release/plimsoll $(ARGS)

build: build-$(LINK)

.PHONY: build-static build-dynamic
build-static: cargo page
	$(FIXED) cargo rustc --locked --release --target $(TRIPLE) --package plimsoll --bin plimsoll -- $(LAST) $(BARE) $(PACKED) $(FOLDED)
	@mkdir -p $(TARGET)/release && ln -f $(BIN) $(TARGET)/release/plimsoll

# a folder of its own: the tests of the other one must not find it
build-dynamic: cargo page
	cargo rustc --locked --release --target-dir $(DYNAMIC) --package plimsoll --bin plimsoll -- $(LAST) $(BARE) $(FOLDED)
	@mkdir -p $(TARGET)/release && ln -f $(DYNAMIC)/release/plimsoll $(TARGET)/release/plimsoll

.PHONY: page
ifeq ($(PAGE),none)
page:
else
page: $(SCRIPT)
endif

$(SCRIPT): web/node_modules/.package-lock.json web/vite.config.js web/tsconfig.json $(wildcard web/src/*)
	cd web && npm run --silent build
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && \
		command -v npm >/dev/null || { echo "Node.js 20.19 or newer with npm is missing: install it (https://nodejs.org), or build without the page: make $(or $(MAKECMDGOALS),build) PAGE=none" >&2; exit 1; }
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: cargo
cargo:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust (https://rustup.rs), then run make again" >&2; exit 1; }

# ---- tests --------------------------------------------------------------------
test: deps
	testbed/test check unit e2e e2e-v2

unit e2e e2e-v2: workload
	testbed/test $@

# the collector in a real Kubernetes cluster, which the first run builds (20 to 40 minutes on two cores)
.PHONY: test-kube
test-kube: deps workload image-context
	testbed/kube-build
	testbed/kube image $(OUT)/image $(OUT)/plimsoll-image.tar
	cargo test --locked --package plimsoll-nodes --test live_api_server --no-run
	cargo test --locked --package plimsoll --test live_kube --test live_kube_life --test live_kube_same --no-run
	testbed/kube with --api cargo test --locked --package plimsoll-nodes --test live_api_server
	PLIMSOLL_BIN=$(BIN) PLIMSOLL_TEST_IMAGE=$(OUT)/workload-image.tar PLIMSOLL_IMAGE=$(OUT)/plimsoll-image.tar \
		testbed/kube with cargo test --locked --no-fail-fast --package plimsoll --test live_kube --test live_kube_life --test live_kube_same -- --test-threads=1

# the program, and the helper and image that give it known work
workload: build-static
	$(STATIC) --package plimsoll-workload
	testbed/make-image --workload $(OUT)/workload $(OUT)/workload-image.tar

check: cargo page
	[ $(PAGE) = none ] || npm --prefix web run --silent check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --package plimsoll --lib --bins --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	cargo test --locked --quiet --workspace generated
	for part in bench fuzz crates/*/fuzz; do \
		cargo metadata --locked --format-version 1 --manifest-path $$part/Cargo.toml >/dev/null || exit 1; done

# rewrites what is derived: format, golden files, generated documents
bless: cargo
	cargo fmt --all
	BLESS=1 cargo test --quiet --workspace --lib --bins --test coverage --test docs --test metrics --test replay

# questions to the parts, then to the whole program beside others: make bench ARGS="host --sizes 100"
bench: build
	cargo bench --locked --workspace --exclude plimsoll-workload
	[ ! -x bench/run ] || bench/run $(ARGS)

# the collector over 100, 1,000 and 5,000 nodes that are not there: PEER=metrics-server make bench-cluster ARGS="--sizes 100"
.PHONY: bench-cluster
bench-cluster:
	bench/run cluster $(ARGS)

# 2,000 groups, then 400 containers of Docker and of containerd each, come and go: fails if memory or descriptors
# grow; 11 minutes
soak: workload
	bench/run soak $(ARGS)
	PLIMSOLL_BIN=$(BIN) PLIMSOLL_TEST_WORKLOAD=$(OUT)/workload PLIMSOLL_TEST_IMAGE=$(OUT)/workload-image.tar \
		testbed/dockerd with cargo test --locked --package plimsoll --test live_soak -- --ignored --nocapture --test-threads=1

# the page in Chromium over many cgroups, open for a while: make bench-page MINUTES=30 CGROUPS=1000
MINUTES ?= 30
CGROUPS ?= 1000
.PHONY: bench-page
bench-page: build deps
	cd web && PLIMSOLL_BIN=$(BIN) node test/figures.js cgroups=$(CGROUPS) minutes=$(MINUTES)

# each target for a while: make fuzz SECONDS=60 FUZZ="measure serve/request"; needs a C++ compiler, nothing else
SECONDS ?= 20
fuzz: cargo
	testbed/fuzz --seconds $(SECONDS) $(FUZZ)

# the pictures in docs/images anew, after a change of the page
.PHONY: images
images: page deps
	cd web && node test/images.mjs

image: image-$(LINK)

.PHONY: image-static image-dynamic
image-static: image-context
	docker build --tag plimsoll:latest --file Dockerfile $(OUT)/image

.PHONY: image-context
image-context: build-static
	deploy/docker/root $(BIN) $(OUT)/image

# the same with the C library of this machine, and so able to load NVIDIA's
image-dynamic: build-dynamic
	deploy/docker/dynamic-root $(DYNAMIC)/release/plimsoll $(DYNAMIC)/image
	docker build --tag plimsoll:gpu --file Dockerfile.gpu $(DYNAMIC)/image

# Debian packages that the tests need; asks the package lists only if something is missing
deps:
	testbed/deps

clean:
	testbed/dockerd clean
	testbed/containerd clean
	testbed/crio clean
	testbed/kube clean
	rm -rf web/node_modules $(SCRIPT) web/dist/page.js
	cargo clean
