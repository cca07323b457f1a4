# Two commands matter: `make run` and `make test`. Both set up everything below ./ first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test lint type imports bench simulate redteam cold-drill devnet contracts clean

PYTHON ?= $(shell for v in 3.11 3.12; do command -v python$$v && break; done || command -v python3)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
FORGE := node_modules/@foundry-rs/forge-linux-amd64/bin/forge
export UV_PYTHON_DOWNLOADS := never
export PATH := $(CURDIR)/$(BIN):$(PATH)
T ?=
ONCE ?=
NAME ?=
SEED ?= 1
STEPS ?= 10000

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .build/setup.stamp ## install everything below ./ (Python, npm tools, Bitcoin node); no root

.build/boot/bin/uv:
	@mkdir -p .build
	@$(PYTHON) -m venv .build/boot || { echo "Python cannot make environments: apt-get install python3-venv" >&2; exit 1; }
	@.build/boot/bin/pip --quiet install 'uv>=0.9'

.build/setup.stamp: pyproject.toml uv.lock package.json package-lock.json | .build/boot/bin/uv
	.build/boot/bin/uv sync --quiet --locked --python $(PYTHON)
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python -m custody.devnet.knots install --folder .devnet/knots
	$(BIN)/python -m custody.devnet.litecoin install --folder .devnet/litecoin
	$(BIN)/python -m contracts.toolchain
	$(BIN)/python -c 'import exchange.engine.core'  # compile once, so that the first start is quick
	@touch $@

run: setup ## the whole loop on local chains, then the pages on http://localhost:8000 (ONCE=1: stop after the loop)
	$(BIN)/mext demo $(if $(ONCE),--once,)

test: setup ## all tests; T=unit, T=node, T=contracts, T=e2e for a part
ifeq ($(T),)
	$(PYTEST) -q -n 2 -m "not node and not ape and not browser and not postgres"
	$(PYTEST) -q -m "node or postgres or browser"
	$(MAKE) --no-print-directory contracts
else ifeq ($(T),unit)
	$(PYTEST) -q -n 2 -m "not node and not ape and not browser and not postgres"
else ifeq ($(T),node)
	$(PYTEST) -q -m node
else ifeq ($(T),contracts)
	$(MAKE) --no-print-directory contracts
else
	$(PYTEST) -q tests/$(T)
endif

contracts: setup ## compile and test the Solidity contracts (ape on its in-process EVM), compare the three builders
	$(BIN)/python -m contracts.build --check
	$(BIN)/ape test -q
	FOUNDRY_CONFIG=contracts/foundry.toml $(FORGE) test --root .
	$(PYTEST) -q -m ape

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: setup ## mypy --strict
	$(BIN)/mypy

imports: setup ## the layers of the house
	$(BIN)/lint-imports

bench: setup ## every number of the README, each beside its peer in the same run; NAME=withdrawals for one
ifeq ($(NAME),)
	$(BIN)/python -m benchmarks
else
	$(BIN)/python -m benchmarks.$(NAME)
endif

simulate: setup ## the withdrawal pipeline under crashes and lies: SEED=1 STEPS=10000; a failing seed prints itself
	PYTHONPATH=tests $(BIN)/python -m simulators.crash_and_lie --seed $(SEED) --steps $(STEPS) --workers 2

redteam: setup ## an attacker who owns the whole back office, against real signers: attack, expected, seen
	PYTHONPATH=tests $(BIN)/python -m simulators.redteam

cold-drill: setup ## pay from cold wallets on local chains, by files and typed answers only: one chain a family
	$(BIN)/mext treasury cold-drill

devnet: setup ## start the local chains and keep them until Ctrl-C
	$(BIN)/mext devnet up

clean: ## remove what the targets built (not the downloads of the Bitcoin node)
	rm -rf .build .mext .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
