# A short front over meson and ninja. `make help` lists what there is.

BUILD    ?= build
PREFIX   ?= /usr/local
DESTDIR  ?=
# For `make test`: build with these sanitizers, for example SANITIZE=address,undefined.
SANITIZE ?=

.PHONY: all
all: $(BUILD)/build.ninja  ## build everything into build/
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@scripts/configure.sh $(BUILD)

.PHONY: deps
deps:  ## install the Debian packages that the build needs (as root or through sudo)
	@scripts/deps.sh build

.PHONY: check
check: all  ## formatting, floors, budgets, headers alone, lint, unit tests: within a minute
	@scripts/check.sh $(BUILD)

.PHONY: test
test:  ## install what the tests need and run everything that must pass
	@scripts/deps.sh test
	@SANITIZE=$(SANITIZE) scripts/test.sh

.PHONY: demo
demo:  ## install what it needs, build, and bring a dropped table back on a throwaway cluster, in under 90 s
	@scripts/deps.sh demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) scripts/demo.sh

.PHONY: fuzz
fuzz:  ## build the fuzz targets with clang and run each for a few seconds
	@scripts/fuzz.sh

.PHONY: soak
soak: all  ## the long random tests, by hand: SEED= KILLS=300
	@scripts/deps.sh test
	@scripts/soak.sh

.PHONY: golden
golden: all  ## make tests/golden/v1/ again from real servers, as root: part of a commit that changes the format
	@scripts/deps.sh test
	@PGSTRATA_SERVERS=$$(scripts/servers.sh) tests/golden/make.py
	@pytest-3 -q -p no:cacheprovider tests/golden

.PHONY: bench
bench:  ## measure beside pgBackRest, pg_basebackup and the floors; root, PostgreSQL 15, about 20 GB below /var/tmp
	@bench/run.sh

.PHONY: install
install: all  ## install below PREFIX=/usr/local, staged below DESTDIR=
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

.PHONY: clean
clean:  ## remove all build folders
	@rm -rf build build-*

.PHONY: help
help:  ## this list
	@sed -nE 's/^([a-z]+):.*##/  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18
