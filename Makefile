# Everything a newcomer runs. Needs make and Python >= 3.11; the rest is set up in .venv.
#   make demo       the main job on a trained model
#   make test       style, tests, doctests of README and docs (a few minutes)
#   make check-all  the slow tests too: the full law against an independent MILP, types, backends
#   make backends   the saved models under JAX, TensorFlow and PyTorch
#   make bench      side by side with rivals;  make docs  the HTML pages;  make types  pyright

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
SOURCES := setup.py pyproject.toml $(wildcard src/outrange/search/kernel/*.c src/outrange/search/kernel/*.h)
# Frameworks are quiet and on the processor in everything run from here.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?=
export KERAS_BACKEND ?= jax

.DEFAULT_GOAL := test
.PHONY: setup demo test lint pytest types backends check-all bench docs lock clean

setup: $(VENV)/built

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "outrange needs Python >= 3.11; run: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/dev: $(VENV)/created requirements/dev.txt
	$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/built: $(VENV)/dev $(SOURCES)
	@command -v $${CC:-cc} >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || \
	  { echo "no C compiler on PATH: taking the one in the wheel ziglang"; $(PIP) ziglang==0.17.1; }
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/backends: $(VENV)/built requirements/backends.txt
	$(PIP) -r requirements/backends.txt
	@touch $@

$(VENV)/bench: $(VENV)/built requirements/bench.txt
	-$(PIP) -r requirements/bench.txt
	@touch $@

demo: setup
	$(BIN)/outrange demo

test: lint pytest

lint: setup
	$(BIN)/ruff check .

pytest: setup
	$(BIN)/python -m pytest -n $(JOBS) --timeout 300

types: setup
	$(BIN)/pyright --pythonpath $(BIN)/python

backends: $(VENV)/backends
	$(BIN)/python -m pytest -m backends tests

check-all: lint types $(VENV)/backends
	$(BIN)/python -m pytest -n $(JOBS) -m "not backends"
	$(BIN)/python -m pytest -m backends tests
	$(BIN)/python tests/laws/test_against_milp.py
	$(MAKE) docs

bench: $(VENV)/bench
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/ranges.py

docs: setup
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lock: $(VENV)/created
	$(BIN)/python requirements/lock.py

clean:
	rm -rf $(VENV) build docs/_build *.egg-info src/*.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -f src/outrange/search/kernel/*.so
