# `make` lists what can be asked for. The first run makes .venv from hashed locks and takes a few
# minutes; afterwards a target starts at once. Nothing outside this folder is touched, except that test,
# faults and bench install missing Debian packages of requirements/apt.txt where that is allowed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# What the environment of whoever calls may say about Python must not reach into .venv. Compiled modules are kept
# whatever it says: without them each worker of each run reads every test anew, and each process all of agent.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# A machine of CI is shared and slow, and brokers, browsers and kernels are not ours: there a test that fails is
# tried again, up to twice, and named at the end. On a developer's machine it fails at once.
PYTEST := $(BIN)/python -m pytest $(if $(filter true,$(CI)),--reruns 2 --reruns-delay 3 -rR)
# Slow tests wait more than they work, for brokers, leases and containers: one worker more than there are cores.
WORKERS = $(shell expr $$(nproc) + 1)

.PHONY: help demo union test check bench faults deb image vm vm-all models fmt lock clean lint types quick debian
help: ## this list
	@echo "Piazza: a node that watches a public space and tells what is unusual, never who."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 17
	@echo
	@echo "Options: make demo DEMO_SECONDS=60 CAMERA=rtsp://...|/dev/video0|FILE; make test PIAZZA_DATA=FOLDER"

demo: .venv/.demo .venv/.checkout ## the whole path on one machine: clip, node, broker, subscriber, live screen
	@echo "demo: a node, a broker and a subscriber on this machine"
	@camera=$${CAMERA:-$$(tools/fetch_clip)}; \
	$(BIN)/piazza demo --camera "$$camera" $${DEMO_SECONDS:+--seconds "$$DEMO_SECONDS"}

check: ## lint, types, import contracts and the quick tests, under 2 minutes
check: $(if $(filter true,$(CI)),debian) .venv/.dev .venv/.checkout lint types quick

lint:
	@echo "check: style (ruff) and import contracts (import-linter)"
	@mkdir -p .cache
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/imports >.cache/imports.log || { cat .cache/imports.log; exit 1; }

types:
	@echo "check: types (mypy --strict)"
	@$(BIN)/mypy --no-error-summary

quick:
	@echo "check: quick tests (pytest)"
	@$(PYTEST) -q -m "not slow" --numprocesses auto

union: .venv/.dev .venv/.checkout ## a whole union of comuni that does not exist: broker, store, 40 nodes, the control room's page
	@echo "union: six comuni on this machine; open the address that it prints, end with Ctrl-C"
	@rm -rf run/union
	@$(BIN)/piazza union simulate $${UNION_SECONDS:+--seconds "$$UNION_SECONDS"}

test: debian .venv/.dev .venv/.checkout ## every test, the slow ones and the faults too, under 25 minutes
	@echo "test: all tests; those that miss a tool or data say so at the end"
	@tools/fetch_clip >/dev/null || [ "$${CI:-}" != true ]
	@CI= tools/apt $$(sed 's/#.*//' requirements/apt-images.txt)
	@CI= tools/apt $$(sed 's/#.*//' requirements/apt-uml.txt)
	@$(PYTEST) -q --numprocesses $(WORKERS) --dist loadgroup --hypothesis-profile=full --durations=20

faults: debian .venv/.dev .venv/.checkout ## the fault matrix, each row with its counts and seed (LONG=1, SHARE=0.1, ONLY="f02 f13", SEED=, COUNT=, KEPT=FILE)
	@tools/apt $$(sed 's/#.*//' requirements/apt-brokers.txt)
	@echo "faults: every row that tests/faults has, at its CI count unless LONG, SHARE or COUNT say otherwise"
	@$(BIN)/python -m tests.faults.run $${LONG:+--long} $${SEED:+--seed "$$SEED"} $${COUNT:+--count "$$COUNT"} \
		$${SHARE:+--share "$$SHARE"} $${KEPT:+--kept "$$KEPT"} $${ONLY:+--only $$ONLY}

bench: debian .venv/.bench .venv/.checkout ## every figure of docs/reference/figures.md, measured here
	@$(BIN)/python bench/run_all.py

deb: debian .venv/.dev ## the Debian packages in dist/, for amd64 and arm64 (RELEASE=bookworm|trixie)
	@echo "deb: dist/piazza_*.deb with its wheels inside, and dist/piazza-node_*.deb"
	@tools/deb
	@lintian --fail-on error,warning dist/*.deb

image: .venv/.dev .venv/.checkout ## a flashed card made the card of one node (CARD=, NODE=, KEYS=, BROKER=, RELEASE=, MORE=)
	@tools/image

vm: debian .venv/.dev .venv/.checkout ## from a flashed card to a verified event, on the first rung that stands here: a Linux of its own, or a container (root; minutes)
	@echo "vm: first boot, enrolment, firewall, a pulled plug, pulled parts; needs make deb, and root"
	@$(PYTEST) -q -s -p no:randomly tests/vm/first_boot.py tests/vm/pulls.py

vm-all: debian .venv/.dev .venv/.checkout ## every rung of the virtual node, with power cuts and arm64, and a table (RUNGS="nspawn uml", CUTS=12, POINTS=500, SEED=1)
	@tools/apt $$(sed 's/#.*//' requirements/apt-vm.txt)
	@CI= tools/apt $$(sed 's/#.*//' requirements/apt-uml.txt)
	@$(BIN)/python -m tests.vm.ladder $(RUNGS)

models: ## build the models again from their source packages, in an environment of its own
	@echo "models: see models/build/README.md; needs about 2 GB of disk and ten minutes"
	@models/build/run

fmt: .venv/.dev ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format .

lock: ## pin requirements/*.txt anew (UPGRADE=1 takes newer versions)
	@tools/lock $(if $(UPGRADE),--upgrade)

clean: ## remove caches and build products; .venv and the clip stay
	@echo "clean: caches and build products"
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache/imports .venv/.checkout
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

debian:
	@tools/apt

# A larger set holds the smaller ones (requirements/bench.txt > dev.txt > demo.txt), so its stamp counts for them.
.venv/.demo: requirements/demo.txt
	@[ .venv/.dev -nt requirements/dev.txt ] || tools/venv demo
	@touch $@

.venv/.dev: requirements/dev.txt requirements/schemas.txt
	@[ .venv/.bench -nt requirements/bench.txt ] || tools/venv dev
	@tools/venv schemas
	@touch $@

.venv/.bench: requirements/bench.txt
	@tools/venv bench
	@touch $@ .venv/.dev .venv/.demo

# The set comes before the checkout: it carries the setuptools that installs it.
.venv/.checkout: pyproject.toml setup.py
	@tools/venv checkout
	@touch $@
