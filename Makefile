# One command each. `make` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help setup test test-long lint ci bench
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

$(BIN)/novaorch: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install -q --disable-pip-version-check -e . --group dev
	@touch $@

setup: $(BIN)/novaorch ## make the virtual environment
test: setup ## the fast tests, under five minutes
	$(BIN)/python -m pytest -n 2
test-long: setup ## the long campaigns
	$(BIN)/python -m pytest -m long
lint: setup ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
ci: lint test ## all that CI runs
bench: setup ## the figures, side by side with peers
	$(BIN)/python -m benchmarks
