# The commands of the project. `make run` is all a newcomer needs; CI calls exactly `make check` and `make test`.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
OUT ?= out
PORT ?= 8000
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: setup run test check bench clean
.DELETE_ON_ERROR:

setup: $(VENV)/.base  ## system packages, a virtual environment and the base install (no torch)

run: $(VENV)/.base  ## read the bundled pictures, draw the bundled texts, outputs in out/; then serve (not where CI is set)
	$(BIN)/python scripts/run.py $(OUT)
	@test -n "$$CI" || exec $(BIN)/diascribe serve --port $(PORT)

test: $(VENV)/.dev
	PYTHON=$(PYTHON) sh scripts/system-packages.sh chromium
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	PYTHON=$(PYTHON) sh scripts/system-packages.sh chromium
	$(BIN)/python bench/speed.py
	$(BIN)/python bench/degrade.py
	if command -v npm >/dev/null; then \
	  PUPPETEER_SKIP_DOWNLOAD=1 npm install --silent --no-audit --no-fund --prefix bench/node || true; fi
	$(BIN)/python bench/draw.py
	$(BIN)/python bench/readback.py
	$(BIN)/python bench/retrieval.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt usearch || true
	$(BIN)/python bench/index.py
	$(BIN)/python bench/service.py
	$(BIN)/python bench/page.py

$(VENV)/.python: scripts/system-packages.sh
	@test -n "$(PYTHON)" || { echo "Diascribe needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2; exit 1; }
	PYTHON=$(PYTHON) sh scripts/system-packages.sh
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.python pyproject.toml constraints.txt
	$(INSTALL) .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) ".[dev]"
	if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix tests/node || true; fi
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
