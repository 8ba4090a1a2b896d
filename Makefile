# The commands of development. They need make and Python >= 3.11; everything else is set up in .venv.

PYTHON ?= python3
JOBS ?= 2
# `make test` runs one in this many cases of tests whose cases are models.
ONE_IN ?= 10
# Number of networks of the law against an independent mixed-integer program, and seconds for each.
MILP_NETS ?= 40
MILP_TIME ?= 60
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
# Inputs of the type check beside the sources: settings, versions, installed packages.
TYPED = pyproject.toml requirements $(wildcard $(VENV)/dev $(VENV)/backends $(VENV)/bench $(VENV)/wheels)
SOURCES := setup.py pyproject.toml $(wildcard src/outrange/search/kernel/*.c src/outrange/search/kernel/*.h)
# Frameworks run quietly and on the processor.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?=
export KERAS_BACKEND ?= jax
# Tests and documents compile the same small functions in many processes; a cache shares the results,
# also with the next run.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= -1

# Tests start many processes: bytecode is kept for all of them, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

# Compiled test programs run once, and XLA compiles without fused kernels in a third of the time. Small
# matrices need one thread of BLAS; idle threads would occupy the cores of the other worker.
quick test few check: export XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
quick test few check: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test few check lint format types typed backends browser verified coq bench docs wheels lock clean

help:  ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/built $(VENV)/dev  ## Set up everything in .venv, including the compiled kernel

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "outrange needs Python >= 3.11; run: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making a virtual environment in $(VENV) (some seconds) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# Packages that run the demo and compile the kernel. Bytecode is compiled at the first import, since
# most of Keras and SciPy is never imported.
$(VENV)/demo: $(VENV)/created requirements/demo.txt
	@echo "Installing Keras, JAX and the dependencies of outrange (once, 1 to 3 minutes) ..."
	@$(PIP) --no-compile --no-deps -r requirements/demo.txt
	@touch $@

$(VENV)/built: $(VENV)/demo $(SOURCES)
	@echo "Compiling the kernel and installing outrange from this checkout (half a minute) ..."
	@command -v $${CC:-cc} >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || \
	  { echo "no C compiler on PATH: taking the one in the wheel ziglang"; $(PIP) ziglang==0.17.1; }
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: requirements/dev.txt checker/pyproject.toml | $(VENV)/built
	@echo "Installing the packages for tests and documents (once, 2 to 5 minutes) ..."
	@$(PIP) --no-deps -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable ./checker
	@touch $@

$(VENV)/backends: $(VENV)/dev requirements/backends.txt
	@echo "Installing TensorFlow and PyTorch (once, gigabytes) ..."
	@$(PIP) -r requirements/backends.txt
	@touch $@

$(VENV)/bench: $(VENV)/dev requirements/bench.txt
	@echo "Installing the other verifiers of the benchmarks (once) ..."
	-@$(PIP) -r requirements/bench.txt
	@touch $@

$(VENV)/wheels: $(VENV)/dev requirements/wheels.txt
	@echo "Installing a C compiler for all platforms and the checks of wheels (once) ..."
	@$(PIP) -r requirements/wheels.txt
	@touch $@

demo: $(VENV)/built  ## Set up what the demo needs, and run it on a trained model (minutes)
	@echo "Starting the demo (half a minute): $(BIN)/outrange demo ..."
	@$(BIN)/outrange demo

quick: setup  ## Style, and a smoke test of every component (a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(PYTEST) --quiet @tests/quick.txt

test: lint  ## Required for a change: style, types of changed files, every test with a few cases (minutes)
	+$(MAKE) --no-print-directory --jobs 2 typed few

few: setup  ## Every test with a few cases, without style and types
	$(PYTEST) -n $(JOBS) --dist worksteal --timeout 300 --one-in $(ONE_IN)

check: lint types  ## Every test with all cases, slow ones and the law against a MILP included
	OUTRANGE_CASES=full $(PYTEST) -n $(JOBS) --dist worksteal --timeout 1800 -m "not backends and not browser"
	$(BIN)/python tests/laws/test_against_milp.py --nets $(MILP_NETS) --time $(MILP_TIME)

lint: setup  ## Check the style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Sort imports and format everything
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

types: setup  ## Check types with pyright, unless nothing changed since it passed
	@mkdir -p .cache
	@find src checker/src $(TYPED) -type f ! -name '*.py[co]' ! -name '*.so' \
	  | sort | xargs cksum > .cache/types.now
	@if cmp -s .cache/types.now .cache/types; then echo "pyright: nothing changed since it passed"; else \
	  NODE_OPTIONS="$$NODE_OPTIONS --max-semi-space-size=128" \
	  $(BIN)/pyright --pythonpath $(BIN)/python && mv .cache/types.now .cache/types; fi

# The type check of all files takes as long as half of the tests. Files that are as on the main branch have passed
# it there; `make check` looks at all of them, also at files that import a changed one.
typed: setup  ## Check types of the source files that differ from the main branch of the remote repository
	@base=$$(git merge-base HEAD origin/HEAD 2>/dev/null) && \
	  git diff --quiet $$base -- pyproject.toml requirements || exec $(MAKE) --no-print-directory types; \
	files=$$( (git diff --name-only --diff-filter=d $$base -- src checker/src; \
	  git ls-files --others --exclude-standard -- src checker/src) | grep '\.pyi\{0,1\}$$'); \
	if [ -z "$$files" ]; then echo "pyright: every file is as on the main branch"; else \
	  $(BIN)/pyright --pythonpath $(BIN)/python $$files; fi

backends: setup $(VENV)/backends  ## Run the tests that need TensorFlow, PyTorch or others' test suites
	$(PYTEST) -n $(JOBS) --dist loadfile -m backends tests

browser: setup  ## Test the explorer's page in Chromium (Debian's, installed if run as root)
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { echo "Installing Debian's Chromium ..."; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	$(PYTEST) -m browser tests/explorer

verified: setup coq  ## Prove the checker sound in Coq and build it (Debian's coq, installed if run as root)
	$(MAKE) --no-print-directory -C checker/verified all audit
	$(PYTEST) tests/checker/test_verified.py

coq:  ## Install Coq 8.20 for `make verified`, if run as root on Debian
	@command -v coqc >/dev/null && ocamlfind query zarith >/dev/null 2>&1 || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { echo "Installing Debian's Coq ..."; apt-get update -qq && apt-get install -y -qq --no-install-recommends coq libzarith-ocaml-dev >/dev/null; }
	@coqc --version 2>/dev/null | grep -q "version 8\.20" || \
	  { echo "make verified needs Coq 8.20 and Zarith: apt-get install coq libzarith-ocaml-dev (Debian 13)"; exit 1; }

bench: setup $(VENV)/bench  ## Measure start-up and ranges beside other verifiers
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/ranges.py

docs: setup  ## Build the HTML pages in docs/_build/html; runs the gallery and the notebook
	@echo "Running the gallery and building the pages (some minutes) ..."
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	$(BIN)/python docs/tools/notebook.py docs/tour.ipynb docs/_build/html/tour.html
	$(BIN)/python docs/tools/check_links.py docs/_build/html
	@echo "docs/_build/html/index.html"

wheels: setup $(VENV)/wheels  ## Build and check wheels for every platform, in dist/ (minutes)
	$(BIN)/python tools/wheels.py build
	$(BIN)/python tools/wheels.py check

lock: $(VENV)/created  ## Pin today's versions in requirements/
	@echo "Asking pip for today's versions; nothing is installed ..."
	$(BIN)/python requirements/lock.py

clean:  ## Remove everything that was set up or built
	rm -rf $(VENV) build dist docs/_build docs/examples docs/learn *.egg-info src/*.egg-info
	rm -rf checker/build checker/src/*.egg-info
	$(MAKE) --no-print-directory -C checker/verified clean
	rm -rf .pytest_cache .ruff_cache .hypothesis .cache
	rm -f src/outrange/search/kernel/*.so
