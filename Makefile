# Every target sets up what it needs; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Workers for the test suite; one per core.
JOBS   ?= $(shell nproc)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(READY): pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh $(PYTHON) $(VENV)
	@touch $@

.PHONY: setup
setup: $(READY)  ## make the virtual environment and install the tools
