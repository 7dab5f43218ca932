# Everything runs in .venv. Every target that needs it builds it first, and again when what it holds has changed.
# `make PYTHON=/path/to/python3.12 install` names the interpreter to build it with; see tools/find-python.

VENV        := .venv
BIN         := $(VENV)/bin
STAMP       := $(VENV)/.installed
NATIVE      := $(VENV)/.native
PROTOS      := $(wildcard proto/psi_core/wire/*.proto)
# make test TESTS=tests/unit PYTEST_ARGS=-x
TESTS       ?= tests
PYTEST_ARGS ?= -n 2

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help venv install native lint test demo demo-serve bench wire constraints clean force

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

venv install: $(NATIVE) ## build or update .venv, native core included where Rust is found

$(STAMP): pyproject.toml constraints.txt
	@tools/build-environment $(VENV)

# The stamp holds the path it was built for: when .venv was moved, or its Python is gone, it is built again.
ifneq ($(shell $(BIN)/python -c "print(open('$(STAMP)').read(), end='')" 2>/dev/null),$(CURDIR))
$(STAMP): force
endif

# Stays missing where it cannot be built, and is tried again the next time; see tools/build-native.
$(NATIVE): $(STAMP) native/Cargo.toml native/pyproject.toml native/psi_native.pyi $(shell find native/src -name '*.rs')
	@tools/build-native $(VENV)

native: $(STAMP) ## build the native core again
	@rm -f $(NATIVE)
	@tools/build-native $(VENV)

lint: $(NATIVE) ## ruff, mypy --strict, import rules
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

test: $(NATIVE) ## every test
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(TESTS)

demo: $(NATIVE) ## two labs on this machine find the actors that both suspect
	@$(BIN)/python -m examples.demo

demo-serve: $(NATIVE) ## the same, and both nodes stay up until Ctrl-C
	@$(BIN)/python -m examples.demo --serve

bench: $(NATIVE) ## measure against baselines of the same run (docs/benchmarks.md); some minutes
	$(BIN)/python -m benchmarks import
	$(BIN)/python -m benchmarks session
	$(BIN)/python -m benchmarks audit

wire: $(STAMP) ## regenerate psi_core/wire from proto/
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=. --pyi_out=. --grpc_python_out=. $(PROTOS)

constraints: ## renew constraints.txt: the newest versions that pyproject.toml allows
	@tools/renew-constraints

clean: ## remove .venv, what the demo left, and caches
	rm -rf $(VENV) demo/lab-a demo/lab-b demo/audit build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
