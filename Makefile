# `make` builds; `make help` lists the rest. How it hangs together is told in CONTRIBUTING.md.

PREFIX ?= /usr/local
DESTDIR ?=

ARCH := $(shell uname -m)
BIN := node_modules/.bin
# npm ≥ 12 runs no install scripts: then the binary is still in its own package.
BUN = $(firstword $(wildcard node_modules/@oven/bun-linux-*/bin/bun) $(BIN)/bun)

SOURCES := $(sort $(shell find src test bench examples -name '*.ts' 2>/dev/null))
LIBRARY := $(filter-out %.test.ts,$(filter src/%,$(SOURCES)))
EXECUTOR := dist/native/executor-$(ARCH)
NATIVE := $(shell find native -type f -not -name '*.md' 2>/dev/null)
CONFIG := package.json package-lock.json tsconfig.json tsconfig.lib.json

.DELETE_ON_ERROR:
.PHONY: build debian packages try check bench host format man install uninstall clean help

# ---- build ------------------------------------------------------------------------------------------------

build: dist/index.js build/.stamp build/test/tool/tool build/test/tool/escape bin/lmctfy  ## bin/lmctfy, the library in dist/, the tests in build/ (default)

debian:
	@scripts/install-debian build

# By content, not by time: git touches files, and npm ci is slow and pulls the rug from under running programs.
packages:
	@cmp -s package-lock.json node_modules/.installed || { \
	  npm ci --include=dev --no-audit --no-fund && cp package-lock.json node_modules/.installed; } || { \
	  echo 'The npm packages of package-lock.json could not be installed. Is this machine online?' >&2; exit 1; }

# What a source left behind when it went: a stale test must not run, a stale module not ship.
GONE := $(filter-out $(SOURCES),$(file <build/.sources))
ifneq ($(GONE),)
$(shell rm -f $(GONE:%.ts=build/%.js) $(patsubst src/%.ts,dist/%.js,$(GONE)) $(patsubst src/%.ts,dist/%.d.ts,$(GONE)) \
  build/.stamp build/.tsbuildinfo dist/index.js)
endif
ifneq ($(SOURCES),$(file <build/.sources))
$(shell mkdir -p build)
$(file >build/.sources,$(SOURCES))
endif

$(EXECUTOR): $(NATIVE) | debian
	@mkdir -p $(@D)
	$(MAKE) --no-print-directory -C native OUT=$(CURDIR)/dist/native
	@touch $@

dist/index.js: $(LIBRARY) $(CONFIG) $(EXECUTOR) | packages
	$(BIN)/tsc -p tsconfig.lib.json
	@touch $@

# The compiled sources look for the executors beside them, in build/ as in dist/.
build/.stamp: $(SOURCES) $(CONFIG) $(EXECUTOR) | packages
	$(BIN)/tsc -p tsconfig.json
	@mkdir -p build/src && ln -sfn ../../dist/native build/src/native
	@touch $@

# The fixture programs of the integration tests: static, so that they run in any root file system.
build/test/tool/%: test/tool/%.c | debian
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Werror -static -o $@ $<

# Without the two --no- flags, the command would obey files in whatever directory it is started from.
# --splitting: a command loads only its own modules (`version` takes 8 ms instead of 12).
# Renamed into place: the old one may be running.
libexec/lmctfy/cli: $(LIBRARY) $(CONFIG) | packages
	@mkdir -p $(@D)
	$(BUN) build --compile --bytecode --format=esm --splitting --minify --keep-names \
	  --no-compile-autoload-bunfig --no-compile-autoload-dotenv src/cli/main.ts --outfile $@.new
	@mv $@.new $@

bin/lmctfy: $(EXECUTOR) libexec/lmctfy/cli
	@mkdir -p $(@D)
	@cp $(EXECUTOR) $@.new && mv $@.new $@

# ---- use --------------------------------------------------------------------------------------------------

try: build  ## contain something, and look at it (as root)
	@node build/examples/try/main.js

check: build  ## format, lint, types, and every test, here and in the test host (as root)
	@scripts/install-debian check host
	@node build/test/run/main.js

bench: build  ## measure against crun, runc, bwrap and the floor (as root)
	@scripts/install-debian bench
	@node build/bench/main.js

host: build  ## a shell in the test host: pure cgroup v2, Debian's kernel
	@scripts/install-debian host
	@node build/test/host/main.js shell

format: | packages  ## format and fix what can be fixed
	$(BIN)/biome check --write .

# ---- install ----------------------------------------------------------------------------------------------

man: build/man/.stamp

build/man/.stamp: libexec/lmctfy/cli
	@rm -rf build/man build/completions && mkdir -p build/man build/completions
	libexec/lmctfy/cli --generate man build/man
	libexec/lmctfy/cli --generate completions build/completions
	@touch $@

share := $(DESTDIR)$(PREFIX)/share
units := lmctfy.service lxcfs.service.d/lmctfy.conf
systemd := $(DESTDIR)$(PREFIX)/lib/systemd/system
completions := $(share)/bash-completion/completions/lmctfy $(share)/zsh/site-functions/_lmctfy $(share)/fish/vendor_completions.d/lmctfy.fish

install: build man  ## into PREFIX (/usr/local), below DESTDIR
	install -D -m 755 bin/lmctfy $(DESTDIR)$(PREFIX)/bin/lmctfy
	install -D -m 755 libexec/lmctfy/cli $(DESTDIR)$(PREFIX)/libexec/lmctfy/cli
	install -d $(share)/man/man1
	install -m 644 build/man/*.1 $(share)/man/man1
	install -d $(dir $(units:%=$(systemd)/%))
	for unit in $(units); do \
	  sed 's|@PREFIX@|$(PREFIX)|' packaging/systemd/$$unit >$(systemd)/$$unit && chmod 644 $(systemd)/$$unit || exit 1; done
	install -D -m 644 build/completions/lmctfy.bash $(word 1,$(completions))
	install -D -m 644 build/completions/_lmctfy $(word 2,$(completions))
	install -D -m 644 build/completions/lmctfy.fish $(word 3,$(completions))

uninstall:  ## what `make install` with the same PREFIX and DESTDIR left
	rm -f $(DESTDIR)$(PREFIX)/bin/lmctfy $(share)/man/man1/lmctfy.1 $(share)/man/man1/lmctfy-*.1 $(completions) $(units:%=$(systemd)/%)
	rm -rf $(DESTDIR)$(PREFIX)/libexec/lmctfy

clean:  ## what was built (not node_modules, not the cached test host)
	rm -rf build dist bin libexec
	-$(MAKE) --no-print-directory -C native clean

help:
	@sed -n 's/^\([a-z]*\):[^#]*##  */\1\t/p' $(MAKEFILE_LIST) | expand -t 11
