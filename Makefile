# On a fresh machine with Python 3.10 to 3.13, make and a package index:
#   make demo    the MedQA tutorial from spreadsheet to merged model, on the CPU, on sample rows
#   make test    every check: ruff, mypy, then the tests of all layers
# pip's and uv's own settings (PIP_*, UV_*) are honoured. PYTHON=… chooses another Python.

VENV ?= .venv
BIN := $(VENV)/bin
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$one -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$one && break; done)
# Two workers; the tests of one engine keep to one of them and share its finished rehearsals.
PYTEST := $(BIN)/python -m pytest @.ci/parallel

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint bench wheel clean

help:
	@sed -n '2,3s/^#   //p' Makefile
	@echo 'make test-fast | lint | bench | wheel | clean'

demo: $(VENV)/.installed
	@$(BIN)/recipe run medqa-qlora --rehearse

# The tests run even when a linter complains, and pytest's closing line comes last.
test: $(VENV)/.dev-installed
	@status=0; $(MAKE) --no-print-directory lint || status=1; $(PYTEST) || status=1; exit $$status

test-fast: $(VENV)/.dev-installed
	@$(PYTEST) --hypothesis-profile=quick -m 'not engine and not client and not scheduler'

lint: $(VENV)/.dev-installed
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy --strict || status=1; \
	exit $$status

bench: $(VENV)/.dev-installed
	@$(BIN)/python benchmarks/bench_cli.py
	@$(BIN)/python benchmarks/bench_wrapping.py

wheel: $(VENV)/.dev-installed
	@$(BIN)/python -m build --wheel --outdir dist .

# The runs and the engines' environments stay: see `recipe env remove`.
clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@[ -n "$(PYTHON)" ] || { echo 'error: no Python 3.10 to 3.13 with its venv module was found.' >&2; \
	echo '  next step: install one (on Debian: python3 and python3-venv), or name it: make PYTHON=PATH' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml $(VENV)/pyvenv.cfg
	@echo 'Installing recipe into $(VENV) (once, under a minute) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev-installed: pyproject.toml $(VENV)/pyvenv.cfg
	@echo 'Installing recipe and what its tests need into $(VENV) (once) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed
