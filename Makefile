# etcstack. `make demo` shows the whole idea, `make test` proves it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

, := ,
CACHE ?= $(or $(ETCSTACK_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/etcstack,$(HOME)/.cache/etcstack))
TARGET := $(shell uname -m)-unknown-linux-musl
PROGRAMS := target/$(TARGET)/release
# Relocations take a tenth of a program that is loaded anywhere, and a hundredth where they are packed;
# the C library that Rust brings along unpacks them since 1.93 (musl 1.2.5).
PACKED := $(shell rustc --version 2>/dev/null | awk '{ split($$2, version, "."); \
  if (version[1] > 1 || version[2] >= 93) print "-Clink-arg=-Wl,-z,pack-relative-relocs" }')
# Rust's own linker, where it comes along, keeps only one of functions that are the same.
LLD := $(wildcard $(shell rustc --print sysroot 2>/dev/null)/lib/rustlib/$(shell uname -m)-unknown-linux-gnu/bin/gcc-ld)
FOLDED := $(if $(LLD),-Clink-arg=-B$(LLD) -Clink-arg=-fuse-ld=lld -Clink-arg=-Wl$(,)--icf=all)
BUILD_STATIC := CC_$(subst -,_,$(TARGET))=musl-gcc RUSTFLAGS="$(PACKED) $(FOLDED) $${RUSTFLAGS:-}" \
  cargo build --locked --release --target $(TARGET)
# Of OpenStack.
RELEASE ?= 2026.2
STORE ?= etcd
ONCE ?=
REVISIONS ?=

.PHONY: help
help: ## What there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: prepare
prepare:
	@tests/install.sh

.PHONY: build
build: prepare ## Build everything for this machine
	cargo build --locked --workspace --bins

.PHONY: demo
demo: build ## Run real OpenStack daemons and change them live (STORE=dir: without etcd; ONCE=1: end by itself)
	@venv=$$(tests/openstack/setup.sh) && \
	  target/debug/demo --venv "$$venv" --store "$(STORE)" $(if $(ONCE),--once)

.PHONY: test
test: build ## Run all tests: unit, property, integration on real etcd, the real readers as judges
	@tests/openstack/setup.sh >/dev/null
	@tests/judges/setup.sh >/dev/null
	cargo test --locked --workspace --no-fail-fast

.PHONY: lint
lint: prepare ## Check format, lints, documentation, scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	tests/lint.sh

.PHONY: deny
deny: ## Check licences, sources and duplicates of the dependencies
	@test -x $(CACHE)/tools/bin/cargo-deny || \
	  cargo install --quiet --locked --root $(CACHE)/tools cargo-deny@$(DENY_VERSION)
	$(CACHE)/tools/bin/cargo-deny --all-features check bans licenses sources
DENY_VERSION := 0.20.2

.PHONY: release
release: ## Build the static binaries and check that they are
	@tests/install.sh release
	@rustup target list --installed 2>/dev/null | grep -qx $(TARGET) || rustup target add $(TARGET)
	$(BUILD_STATIC) -p etcstack-agent -p etcstack-loader
	@tests/release.sh $(PROGRAMS)

.PHONY: bench
bench: release ## Measure speed, memory and rest beside a bare etcd client (REVISIONS=100000: for long)
	@tests/install.sh bench
	tests/openstack/samples.sh "$(RELEASE)" target/samples/$(RELEASE) nova
	cargo build --locked --release -p etcstack-tests --bin bench
	target/release/bench --agent $(PROGRAMS)/etcstack-agent --loader $(PROGRAMS)/etcstack-loader \
	  --sample target/samples/$(RELEASE)/nova.conf \
	  $(if $(REVISIONS),--revisions $(REVISIONS))

.PHONY: chaos
chaos: build ## Play random changes and faults (ROUNDS=50; SEED=… begins with the one of that seed)
	ETCSTACK_CHAOS_ROUNDS=$(ROUNDS) $(if $(SEED),ETCSTACK_CHAOS_SEED=$(SEED)) \
	  cargo test --locked -p etcstack-tests --test agent -- --nocapture --include-ignored random:: fifty
ROUNDS ?= 50
SEED ?=

.PHONY: fuzz
fuzz: ## Fuzz what reads other people's texts, guided by coverage (SECONDS_EACH=60; TARGETS="document")
	@tests/install.sh fuzz
	@test -x $(CACHE)/tools/bin/cargo-fuzz || \
	  cargo install --quiet --locked --root $(CACHE)/tools cargo-fuzz@$(FUZZ_VERSION)
	for target in $(TARGETS); do \
	  PATH="$(CACHE)/tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz \
	    --sanitizer none $$target -- -max_total_time=$(SECONDS_EACH) -max_len=512 -timeout=10; \
	done
FUZZ_VERSION := 0.13.1
SECONDS_EACH ?= 60
TARGETS ?= key document render data

.PHONY: container-test
container-test: release ## Check the agent as the ENTRYPOINT of real containers; needs docker's engine
	$(BUILD_STATIC) -p etcstack-tests --bin testd
	tests/container.sh $(PROGRAMS)/etcstack-agent $(PROGRAMS)/etcstack-loader $(PROGRAMS)/testd

.PHONY: base-image
base-image: ## Make the images' base by debootstrap, where no registry of images can be reached
	@tests/install.sh cloud
	dockerfiles/base-image.sh etcstack/base:trixie trixie

.PHONY: images
images: release ## Build the images of a release (RELEASE=2026.1; IMAGES="nova glance"; BASE_IMAGE=…)
	@tests/install.sh cloud
	BASE_IMAGE="$(BASE_IMAGE)" dockerfiles/images.sh "$(RELEASE)" $(PROGRAMS) $(IMAGES)
BASE_IMAGE ?= $(shell docker image inspect etcstack/base:trixie >/dev/null 2>&1 && \
  echo etcstack/base:trixie || echo debian:trixie-slim)
IMAGES ?=

.PHONY: cloud
cloud: images ## Run a whole OpenStack in containers (CLOUD=core: without the services around it)
	tests/cloud/cloud.py --release "$(RELEASE)" up --profile "$(CLOUD)"
CLOUD ?= full

.PHONY: cloud-test
cloud-test: images ## Use such a cloud with the real clients, upgrade it from UPGRADE_FROM, and change it live
	$(if $(UPGRADE_FROM),$(MAKE) images RELEASE="$(UPGRADE_FROM)")
	BASE_IMAGE="$(BASE_IMAGE)" tests/cloud/test.py --release "$(RELEASE)" --profile "$(CLOUD)" \
	  $(if $(UPGRADE_FROM),--upgrade-from "$(UPGRADE_FROM)")
# Empty: the cloud that runs is used as it is.
cloud-test: UPGRADE_FROM ?= 2026.1

.PHONY: cloud-down
cloud-down: ## Remove that cloud, and all that it has stored
	tests/cloud/cloud.py down

.PHONY: galera-test
galera-test: ## End three nodes of MariaDB in all the ways they can end, and see them come back
	$(MAKE) images IMAGES="etcd mariadb"
	tests/cloud/galera.py --release "$(RELEASE)"

.PHONY: cluster-test
cluster-test: images ## Run k8s/ on a real Kubernetes of one node (OVERLAY=ha PROFILE=core UPGRADE_FROM=2026.1)
	@tests/install.sh cluster
	$(if $(UPGRADE_FROM),$(MAKE) images RELEASE="$(UPGRADE_FROM)")
	BASE_IMAGE="$(BASE_IMAGE)" tests/cluster/test.py --overlay "$(OVERLAY)" --profile "$(PROFILE)" \
	  $(if $(UPGRADE_FROM),--from-release "$(UPGRADE_FROM)")
OVERLAY ?= single-node
PROFILE ?= full

.PHONY: catalog
catalog: prepare ## Write the catalogs of a release (RELEASE=2026.1; SERVICES="nova glance")
	cargo build --locked -p etcstack-loader
	bootstrap-data/catalog/make.sh "$(RELEASE)" target/debug/etcstack-loader $(SERVICES)
SERVICES ?=

.PHONY: samples
samples: prepare ## Edit the real default files of all services (RELEASE=2026.1)
	@tests/openstack/setup.sh >/dev/null
	tests/openstack/samples.sh "$(RELEASE)" target/samples/$(RELEASE)
	ETCSTACK_SAMPLES=$(CURDIR)/target/samples/$(RELEASE) \
	  cargo test --locked -p etcstack-tests --test oslo -- --ignored --nocapture of_all_services

.PHONY: validator
validator: prepare ## Hold validate against oslo-config-validator for all services (RELEASE=2026.1)
	ETCSTACK_TEST_VENV=$$(bootstrap-data/catalog/environment.sh "$(RELEASE)") \
	  cargo test --locked -p etcstack-tests --test validator -- --ignored --nocapture

.PHONY: clean
clean: ## Remove what was built; the cache of OpenStack packages stays
	cargo clean
