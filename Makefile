# Everything runs in .venv, which is made from the hashed requirements.lock. Only Python 3.11+, pip and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0
# Where it is set, each of the thousands of processes of the tests compiles torch and all else again: 15 seconds each.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install leaderboard test test-slow test-cluster browser test-browser lint format bench bench-gpu lock wheel clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else "Podium needs Python 3.11 to 3.13, this is %d.%d: name another with make PYTHON=python3.12" % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

install: $(READY) ## make the virtual environment .venv from the hashed lock

leaderboard: $(READY) ## train and rank networks on real digits; makes reports/digits/index.html
	$(BIN)/podium leaderboard board=digits

test: $(READY) ## the default tests
	$(BIN)/python -m pytest -m "not slow and not dist and not browser and not gpu" -n 2

TESTS :=
test-slow: $(READY) ## the tests that take minutes: kill -9, faults, the whole board (TESTS=tests/run: those of a folder)
	$(BIN)/python -m pytest $(TESTS) -m "slow and not gpu" -n 2 --dist loadfile --no-loadscope-reorder

test-cluster: $(READY) ## sweeps on a Ray cluster of several nodes, of which some are lost
	$(BIN)/python -m pytest -m dist

browser: ## install Debian's chromium (needs root)
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium >/dev/null

test-browser: $(READY) ## the pages in Debian's chromium (make browser installs it)
	$(BIN)/python -m pytest -m browser

lint: $(READY) ## ruff, mypy strict, the house's layers
	$(BIN)/ruff check platform pipelines tests
	$(BIN)/ruff format --check platform pipelines tests
	$(BIN)/mypy
	MYPYPATH=platform:tests:tests/benchmarks $(BIN)/mypy tests/benchmarks/*.py
	$(BIN)/lint-imports

format: $(READY) ## ruff's formatter and fixes
	$(BIN)/ruff check --fix platform pipelines tests
	$(BIN)/ruff format platform pipelines tests

ONLY := *
bench: $(READY) ## speed, side by side; writes docs/performance.md (ONLY=loop: the rows of one file)
	$(BIN)/python -m pytest tests/benchmarks/bench_$(ONLY).py --override-ini=python_files='bench_*.py' -s

bench-gpu: $(READY) ## training speed on a GPU, into the same page
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
		$(BIN)/python -m pytest tests/benchmarks/on_gpu.py --override-ini=python_files=on_gpu.py -s; \
	else echo "bench-gpu: torch sees no GPU here; nothing was measured"; fi

lock: ## resolve the newest releases again
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra dev pyproject.toml -o requirements.lock

wheel: $(READY) ## build dist/podium-*.whl
	$(BIN)/uv build --wheel --no-build-isolation

clean: ## remove what was built, keep runs and reports
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
