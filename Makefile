# What a person types is what CI runs. Everything else is behind these targets.
# Needs python3.11+ with pip; uses uv where it is installed, to save time.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test check bench night lock clean
.DEFAULT_GOAL := demo

demo: .venv/runtime  ## the sample company on http://127.0.0.1:8787, no key and no service needed
	@$(BIN)/daeri demo $(if $(DIR),--dir $(DIR)) $(if $(PORT),--port $(PORT))

test: .venv/dev check  ## everything that must hold, in less than ten minutes
	@scripts/chromium
	@scripts/redis
	@$(BIN)/python -m compileall -qq -j 0 src tests
	$(BIN)/python -m pytest -m "not night" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/dev  ## style, types, floors and limits
	$(BIN)/ruff check src tests bench scripts
	$(BIN)/ruff format --check src tests bench scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/limits.py

bench: .venv/dev  ## figures: CPU per call, p50 and p99, start-up, memory
	@$(BIN)/python -m compileall -qq -j 0 src bench
	$(BIN)/python -m bench $(ARGS)

night: .venv/night  ## slow evidence: 2,000 kills, longer histories, and all of it once more on PostgreSQL
	@scripts/chromium
	@scripts/redis
	@$(BIN)/python -m compileall -qq -j 0 src tests
	$(BIN)/python -m pytest -m night $(ARGS)
	DAERI_TEST_DATABASE=postgres $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml --extra build -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml --extra build --extra ocr --extra otel --extra dev -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml --extra numpy -c requirements-dev.lock -o requirements-numpy.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --group clients -o requirements-clients.lock

.venv/runtime: requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) scripts/environment requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml
	@PYTHON=$(PYTHON) scripts/environment requirements-dev.lock
	@touch $@ .venv/runtime

.venv/night: requirements-numpy.lock .venv/dev
	@PYTHON=$(PYTHON) scripts/environment requirements-numpy.lock
	@touch $@

clean:  ## remove the environment and the demo's data
	rm -rf .venv .venv-clients daeri-demo
