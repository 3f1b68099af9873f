# Everything starts here: `make run` and `make test` need a Debian or Ubuntu with a Swift toolchain and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run stop test check lint unit subjects workload-api model blackbox blackbox-postgres soak chaos release smoke bench clean packages \
	database venv deb images docker-replay

# Where Swift builds; a second clone may point it at a cache.
SCRATCH ?= .build
SWIFT_FLAGS := --scratch-path $(SCRATCH) --explicit-target-dependency-import-check error
# What a test runner says of each test that passes.
QUIET_LINES := ^(◇|✔ (Test "|Test case|Suite))| started\.$$
VENV := .venv
DEBUG_BINARY = $(abspath $(SCRATCH))/debug/jobsworth
# What `make bench` is told, as BENCH_OPTIONS=--quick.
BENCH_OPTIONS ?=
RELEASE_BINARY = $(abspath $(SCRATCH))/release/jobsworth
# The binary that is tested from outside; a landing gives the one that ships.
TESTED ?= $(DEBUG_BINARY)

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-18s %s\n", $$1, $$2}'

run: packages ## From nothing to a running issuer, a runner and a verified token
	@echo "building (the first time takes some minutes) ..."
	@swift build $(SWIFT_FLAGS) --quiet --product jobsworth
	@JOBSWORTH_BINARY=$(DEBUG_BINARY) docs/quick-start.sh

stop: ## End the issuer that make run left running
	@docs/quick-start.sh --stop

test: packages venv ## Everything: lint, unit, integration, real servers and clients
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory model
	@$(MAKE) --no-print-directory blackbox

check: lint unit ## Lint, build and unit tests: before every commit

lint: ## Style, and which module may import what
	@swift format lint --strict --recursive --parallel Sources Tests Package.swift
	@python3 Tests/Support/check_imports.py

# Those that wait for sockets by the clock run by themselves: two cores are two threads, and a property takes one for long.
ON_SOCKETS := ^(CLITests|AgentTests|PublicationTests)\.

unit: packages database ## Build everything once and run the Swift tests
	@swift build $(SWIFT_FLAGS) --build-tests --quiet
	@swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --skip '$(ON_SOCKETS)' 2>&1 | grep -vE '$(QUIET_LINES)'
	@swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --filter '$(ON_SOCKETS)' 2>&1 | grep -vE '$(QUIET_LINES)'

subjects: packages ## A million subjects of hostile jobs: each job has its own in every form, and it parses back
	@swift build $(SWIFT_FLAGS) --build-tests --quiet
	@JOBSWORTH_SUBJECTS=1000000 swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --filter SubjectInjectivity \
		2>&1 | grep -E '^(✔|✘)'

workload-api: packages ## Generate the Swift of the SPIFFE Workload API from its .proto
	@Tests/Support/install_packages.sh protobuf-compiler libprotobuf-dev
	@swift build $(SWIFT_FLAGS) --quiet --product protoc-gen-swift
	@swift build $(SWIFT_FLAGS) --quiet --product protoc-gen-grpc-swift-2
	@protoc -I Sources/WorkloadAPI -I /usr/include \
		--plugin=$(SCRATCH)/debug/protoc-gen-swift --plugin=$(SCRATCH)/debug/protoc-gen-grpc-swift-2 \
		--swift_out=Sources/WorkloadAPI --swift_opt=Visibility=Package \
		--grpc-swift-2_out=Sources/WorkloadAPI --grpc-swift-2_opt=Visibility=Package,Server=true,Client=true \
		workloadapi.proto health.proto

model: ## The protocol of the rotation, searched state by state
	@Tests/Support/install_packages.sh spin gcc libc6-dev
	@python3 Tests/Model/run.py

blackbox: packages database venv ## The built binary from outside, with real servers and clients
	@Tests/Support/install_packages.sh haproxy openssl systemd
	@swift build $(SWIFT_FLAGS) --quiet --product jobsworth
	@JOBSWORTH_BINARY=$(abspath $(TESTED)) $(VENV)/bin/python -m pytest -q Tests/BlackBox

# Those that look at the issuer from outside only, and never into SQLite's file.
ON_POSTGRES := test_tokens test_jobs test_concurrency test_fast_path test_policy test_opt_in

blackbox-postgres: packages database venv ## The same from outside, with PostgreSQL below
	@swift build $(SWIFT_FLAGS) --quiet --product jobsworth
	@cd Tests/BlackBox && JOBSWORTH_BINARY=$(DEBUG_BINARY) \
		$(abspath $(VENV))/bin/python -m pytest -q -p on_postgres $(ON_POSTGRES:=.py)

soak: packages venv ## Ten minutes of rotation under load, kills and two crons: not one failed verification
	@swift build $(SWIFT_FLAGS) --quiet --product jobsworth
	@cd Tests/BlackBox && JOBSWORTH_BINARY=$(DEBUG_BINARY) $(abspath $(VENV))/bin/python -m soak.rotation_soak --seconds 600

chaos: packages database venv ## Twenty minutes of broken machines, wires, clocks and primaries under three replicas; as root
	@swift build $(SWIFT_FLAGS) --quiet --product jobsworth
	@cd Tests/BlackBox && JOBSWORTH_BINARY=$(DEBUG_BINARY) $(abspath $(VENV))/bin/python -m soak.replica_chaos --seconds 1200

# With Swift's library in it, so that it runs where no Swift is.
release: packages ## The binary as it ships
	@swift build $(SWIFT_FLAGS) --quiet --static-swift-stdlib -c release --product jobsworth

smoke: release ## The release binary through the quick start
	@JOBSWORTH_BINARY=$(RELEASE_BINARY) JOBSWORTH_RUN_FOLDER=$$(mktemp -d) JOBSWORTH_RUN_PORT=18765 docs/quick-start.sh --once

deb: release ## A Debian package of the release binary, in .build/deb
	@Tests/Support/install_packages.sh binutils dpkg-dev
	@rm -rf $(SCRATCH)/deb
	@docker/deb/build.sh $(RELEASE_BINARY) $(SCRATCH)/deb

# As root: roots, chroot, namespaces. The Dockerfile's build stage would compile everything again: its binary is given.
images: deb ## The image and the package without Docker: made, started shut in, gone through the quick start
	@Tests/Support/install_packages.sh debootstrap iproute2 curl lintian
	@lintian --allow-root --fail-on error,warning $(SCRATCH)/deb/jobsworth_*.deb
	@python3 -m Tests.Replay --binary $(RELEASE_BINARY)
	@python3 -m Tests.Replay.package $(SCRATCH)/deb/jobsworth_*.deb

docker-replay: ## The same for every stage of the Dockerfile: compiles in a Debian that holds no more than the image
	@Tests/Support/install_packages.sh debootstrap iproute2 curl
	@python3 -m Tests.Replay

bench: release database ## The performance table, peers side by side
	@Tests/Support/install_packages.sh nginx-light wrk nghttp2-client openssl python3-venv
	@JOBSWORTH_BINARY=$(RELEASE_BINARY) python3 -m Benchmarks $(BENCH_OPTIONS)

packages: ## Install the Debian packages that are missing
	@Tests/Support/install_packages.sh libsqlite3-dev libnghttp2-dev libpq-dev python3-venv curl strace cron nginx \
		nghttp2-client libfaketime

# Not for `make run`: the packages begin servers of their own, and tests start theirs beside them.
database:
	@Tests/Support/install_packages.sh postgresql haproxy iproute2

venv: $(VENV)/installed

$(VENV)/installed: Tests/BlackBox/requirements.txt
	@echo "installing the Python clients ..."
	@python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r Tests/BlackBox/requirements.txt
	@touch $@

clean: ## Remove what was built and what make run made
	@rm -rf $(SCRATCH) $(VENV) Keys/local Benchmarks/.cache
