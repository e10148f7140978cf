# `make` alone tells what there is.
CHECK := import sys, ensurepip; sys.exit(not (3,11) <= sys.version_info < (3,14))
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	$$v -c '$(CHECK)' 2>/dev/null && echo $$v && break; done)
BIN := .venv/bin
DEMO := build/demo

.PHONY: help setup demo test lint types bench fuzz audit test-server lock clean
help: ## Shows this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready ## Makes .venv from the lock (Python 3.11 to 3.13)

# --no-deps: insightface asks for opencv-python, whose cv2/ would overwrite the headless one.
.venv/.ready: requirements.lock setup.py
	@"$(PYTHON)" -c '$(CHECK)' 2>/dev/null || { \
		echo "Muster needs Python 3.11, 3.12 or 3.13 with venv: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Enrolls real photos, good rows and bad, into a fresh collection
	@rm -rf $(DEMO)
	@BIN=$(BIN) sh examples/demo.sh $(DEMO)

test: setup lint types ## Lints, checks types, runs all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

test-server: setup ## Runs the store contract against QDRANT_URL (and QDRANT_API_KEY)
	@test -n "$(QDRANT_URL)" || { echo "set QDRANT_URL to the server to test against"; exit 2; }
	$(BIN)/python -m pytest tests/transforms/stores

bench: setup ## Runs the short benchmarks (PHOTOS=FILE.parquet: with photos of your own)
	$(BIN)/python -m benchmarks.throughput $(PHOTOS) --photos 500 --rounds 1
	$(BIN)/python -m benchmarks.overhead --rounds 1
	$(BIN)/python -m benchmarks.rerun $(PHOTOS) --rows 2000 --rounds 1
	$(BIN)/python -m benchmarks.stores

fuzz: setup ## Tries the properties with ever new inputs for FUZZ_SECONDS (60)
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

# In an environment of its own: what it brings is no part of ours, and not in the lock.
audit: build/audit/.ready ## Looks the lock up among known vulnerabilities (needs the package index)
	build/audit/bin/python .ci/audit.py requirements.lock

build/audit/.ready: Makefile
	$(PYTHON) -m venv --clear build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

lock: setup ## Writes requirements.lock anew (needs uv on the PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-package opencv-python --no-emit-package openvino-telemetry --extra weights --upgrade \
		--override requirements-overrides.txt setup.py requirements-dev.in -o requirements.lock

clean: ## Removes what make made
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
