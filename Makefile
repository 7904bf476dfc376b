# Two commands do everything on a machine with Python 3.11+, pip and make: `make benchmark`, `make test`.

PYTHON ?= python3
BIN := .venv/bin
# One worker a core, each on one thread; a file's tests stay in one worker, which so makes its fixtures once.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile
.PHONY: benchmark test test-all coverage reference lint types clean

benchmark: .venv/installed  ## install what is missing, then run the default suite
	$(BIN)/python run_benchmark.py

test: .venv/installed-test  ## install what is missing, then run the tests, but for the slow ones
	$(PYTEST)

test-all: .venv/installed-test  ## run every test, in an order drawn anew
	$(PYTEST) -m '' --random-order

coverage: .venv/installed-test  ## run the tests as `make test` does, and count the statements they reach
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-fail-under=90

reference: .venv/installed  ## run what the reference results hold and is not finished, then write pages and figures
	for suite in full zscmr-ablation codes; do \
	  $(BIN)/python run_benchmark.py run --suite $$suite || [ $$? -eq 2 ] || exit; done  # 2: a failed run, a record too
	$(BIN)/python run_benchmark.py reference --from-runs

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: .venv/installed-test
	$(BIN)/mypy

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps make a second call install nothing; a change of pyproject.toml installs anew.
.venv/installed: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --editable .
	touch $@

.venv/installed-test: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --editable '.[test]'
	touch .venv/installed $@

clean:  ## remove the environment; results and caches stay
	rm -rf .venv
