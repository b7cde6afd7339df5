# make quickstart   is the first command to try, `make help` lists the others.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
# The same number as in the SONAME that build.rs sets.
SOVERSION := 0

TARGET := $(or $(CARGO_TARGET_DIR),target)
SHARED := $(TARGET)/release/libetcd_client.so
STATIC := $(TARGET)/release/libetcd_client.a
STAGE := $(abspath stage)

# Without the rlib, which only the tests need, and beside which cargo does no link-time optimisation.
BUILD := cargo rustc --release --lib --crate-type cdylib,staticlib

MEMCHECK := valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible \
	--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 --suppressions=tests/c/valgrind.supp

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

.PHONY: quickstart
quickstart: staged ## Build the library and run a first C program on a real etcd (on ETCD_ENDPOINTS if set)
	@$(if $(ETCD_ENDPOINTS),,scripts/install-missing etcd)
	@scripts/with-etcd scripts/quickstart $(STAGE)

.PHONY: staged
staged:
	@scripts/install-missing gcc pkg-config
	$(BUILD)
	@$(MAKE) --silent install DESTDIR= PREFIX=$(STAGE) LIBDIR=$(STAGE)/lib INCLUDEDIR=$(STAGE)/include

.PHONY: test
test: ## Install what the tests need and run them all
	@scripts/install-missing etcd gcc g++ clang pkg-config valgrind
	@# The libraries of other event loops, and other languages: for the examples.
	@scripts/install-missing libuv libevent glib go ruby python3
	@# What the fault laboratory breaks the network with, which takes root; it says what it skips without.
	@[ "$$(id -u)" -ne 0 ] || scripts/install-missing ip nft strace || true
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace
	@# The short form of test-tls; of the watches under faults, the plain run must do.
	ETCD_TEST_TRANSPORT=tls cargo test --test cluster -- \
		setting:: creating:: deleting:: comparing:: reading:: not_served:: auth:: faults:: --skip watch_faults::
	@# The short form of test-async.
	ETCD_TEST_CALLS=async cargo test --test conformance --test catalogue -- $(NOT_ASYNC)
	scripts/check-null-arguments
	scripts/check-after-fork
	scripts/check-readme
	@$(MAKE) --no-print-directory valgrind
	@$(MAKE) --no-print-directory sanitize-short
	@$(MAKE) --no-print-directory examples
	@$(MAKE) --no-print-directory examples-ffi
	@$(MAKE) --no-print-directory quickstart
	scripts/check-counts
	scripts/check-size $(SHARED)
	@# The tests' library panics on demand (the feature test-faults); that of the users has nothing of it.
	! grep -q 'a fault that a test asked for' $(SHARED)

# These count connections of blocking calls: 64 more than those of the internal thread, or one by one.
NOT_ASYNC := --skip overload::more_calls_than_places --skip overload::a_call_that_waits_for_a_place \
	--skip ring::each_endpoint_is_asked_once_per_call

.PHONY: test-async
test-async: ## Run the tests with every call made through a future
	@scripts/install-missing etcd gcc
	ETCD_TEST_CALLS=async cargo test --test conformance --test catalogue --test cluster -- $(NOT_ASYNC)

.PHONY: test-tls
test-tls: ## Run the tests with real etcds over TLS, with client certificates and a password
	@scripts/install-missing etcd gcc
	ETCD_TEST_TRANSPORT=tls cargo test --test cluster

.PHONY: valgrind
valgrind: ## Run the C tests under valgrind: any leak or error fails
	@scripts/install-missing gcc valgrind $(if $(ETCD_ENDPOINTS),,etcd)
	cargo build
	scripts/with-etcd scripts/c-tests $(TARGET)/debug $(MEMCHECK)

.PHONY: sanitize
sanitize: sanitize-short ## Run the C tests under the address sanitizer (use after free, leaks) and the thread sanitizer (races)
	@if scripts/install-missing clang-22 rust-web; then scripts/with-etcd scripts/sanitize thread; \
	else echo "SKIPPED: the thread sanitizer: Debian 12's clang-22 and rustc-web cannot be had here." >&2; fi

.PHONY: sanitize-short
sanitize-short: ## Run the C tests under the address sanitizer alone
	@scripts/install-missing gcc $(if $(ETCD_ENDPOINTS),,etcd)
	@scripts/with-etcd scripts/sanitize address

.PHONY: miri
miri: ## Run the unit tests of what is unsafe in Miri, where a nightly Rust with it is installed
	@scripts/miri

.PHONY: stress
stress: ## Fork, exit, interrupt, hammer: the C tests that press hard, each for ETCD_STRESS_SECONDS (60)
	@scripts/install-missing gcc $(if $(ETCD_ENDPOINTS),,etcd)
	cargo build
	ETCD_STRESS_SECONDS=$${ETCD_STRESS_SECONDS:-60} ETCD_C_TESTS="exits fork_storm guest hammer hammer_async signals" \
		scripts/with-etcd scripts/c-tests $(TARGET)/debug

.PHONY: examples
examples: staged ## Compile and run every program of examples-c
	@$(if $(ETCD_ENDPOINTS),,scripts/install-missing etcd)
	@# The programs say themselves what they are skipped for.
	@scripts/install-missing libuv libevent glib || true
	PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig LD_LIBRARY_PATH=$(STAGE)/lib scripts/with-etcd $(MAKE) --no-print-directory -C examples-c --always-make run

.PHONY: examples-ffi
examples-ffi: staged ## Run the programs of examples-ffi: the library from Go, Ruby and Python
	@$(if $(ETCD_ENDPOINTS),,scripts/install-missing etcd)
	@scripts/install-missing go ruby python3 || true
	@scripts/with-etcd scripts/examples-ffi $(STAGE)

.PHONY: differential
differential: ## Compare with the real Go client at length (needs Go, and says so where it is missing)
	@scripts/install-missing etcd
	@scripts/differential

.PHONY: faults
faults: ## Break real clusters under load: what is promised is checked at length, and docs/faults.md compares with Go
	@scripts/install-missing etcd gcc
	@[ "$$(id -u)" -ne 0 ] || scripts/install-missing ip nft strace || true
	ETCD_FAULT_SECONDS=$${ETCD_FAULT_SECONDS:-60} cargo test --test faults
	ETCD_FAULT_TABLE=1 cargo test --test fault_table

.PHONY: bench
bench: ## Measure the library beside a bare socket, libcurl and Go (a quarter of an hour): docs/performance.md
	@scripts/install-missing etcd gcc pkg-config python3 openssl
	@# Whose headers or compiler cannot be had is left out, and it is said.
	@scripts/install-missing libcurl json-c go || true
	benches/run

.PHONY: bench-counts
bench-counts: ## Write benches/counts.txt anew: instructions, system calls and allocations of a call
	@scripts/install-missing gcc valgrind strace python3
	benches/counts write

.PHONY: header
header: ## Write include/etcd_client.h anew from src/
	ETCD_CLIENT_WRITE_HEADER=1 cargo build

.PHONY: install
install: $(SHARED) ## Install to PREFIX (default /usr/local), under DESTDIR if that is set
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	@# The names of functions, of which no program needs any, in a file that debuggers, profilers and valgrind find there. Not
	@# beside the library, where ldconfig would take it for one.
	install -d '$(DESTDIR)$(LIBDIR)/.debug'
	objcopy --only-keep-debug $(SHARED) '$(DESTDIR)$(LIBDIR)/.debug/libetcd_client.so.$(VERSION).debug'
	chmod 644 '$(DESTDIR)$(LIBDIR)/.debug/libetcd_client.so.$(VERSION).debug'
	objcopy --strip-all --add-gnu-debuglink='$(DESTDIR)$(LIBDIR)/.debug/libetcd_client.so.$(VERSION).debug' \
		$(SHARED) '$(DESTDIR)$(LIBDIR)/libetcd_client.so.$(VERSION)'
	chmod 755 '$(DESTDIR)$(LIBDIR)/libetcd_client.so.$(VERSION)'
	ln -sf libetcd_client.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libetcd_client.so.$(SOVERSION)'
	ln -sf libetcd_client.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libetcd_client.so'
	install -m 644 $(STATIC) '$(DESTDIR)$(LIBDIR)/libetcd_client.a'
	install -m 644 include/etcd_client.h '$(DESTDIR)$(INCLUDEDIR)/etcd_client.h'
	install -d '$(DESTDIR)$(PREFIX)/share/etcd_client'
	install -m 644 tests/c/valgrind.supp '$(DESTDIR)$(PREFIX)/share/etcd_client/valgrind.supp'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		packaging/etcd_client.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/etcd_client.pc'

# No prerequisites: an existing build is installed as it is, so that `sudo make install` needs no cargo.
$(SHARED):
	$(BUILD)

.PHONY: clean
clean: ## Remove all that was built
	cargo clean
	rm -rf stage
	$(MAKE) --no-print-directory -C examples-c clean
