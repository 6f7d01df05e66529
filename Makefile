# The commands of the house. PYTHON chooses the interpreter of the environment that `install` makes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
EXTRAS := dev,launchers,dashboards,search,exr

.PHONY: install install-all demo test test-all test-cluster coverage lint format docs docs-version bench torture release clean

install: $(STAMP)

install-all: $(STAMP)  ## what needs a compiler, the peers of the benchmarks, other people's models
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS),fast,bench,models]'

# The stamp holds the Python that the environment is of. A PYTHON that is named and is another one makes it anew.
PRINT_VERSION := import sys; print("%d.%d" % sys.version_info[:2])
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -c '$(PRINT_VERSION)' 2>/dev/null),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
endif
endif

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "depthbench needs Python 3.11 or newer, but $(PYTHON) is" \
	  "$$($(PYTHON) --version 2>/dev/null || echo missing); name another: make install PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into .venv: 6 GB on disk, most of them torch, in 2 to 10 minutes."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@# As pip would do with one core. Some packages hold files that don't compile, templates and tests.
	@$(BIN)/python -m compileall -qq -j 0 .venv || true
	@$(BIN)/python -c '$(PRINT_VERSION)' > $(STAMP)

# Installs an extra that only one command needs.
extra = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS),$(1)]'

# A checkout holds a small network that was trained on the rooms. The networks of the demo start from it: after three
# epochs their depth looks like depth, and from nothing, as without that network, not after five.
RELEASED := networks/rooms-mobilenetv2
TRAINED := $(wildcard $(RELEASED)/model.safetensors)
ITS_MODEL := model.encoder.name=mobilenetv2_100 'model.decoder.widths=[128,64,32,16]'
START := $(if $(TRAINED),init=$(RELEASED) $(ITS_MODEL) trainer.max_epochs=3)

demo: $(STAMP)  ## a small sweep on the built-in rooms, and a page to look at
	@echo "Eight networks learn from $(if $(TRAINED),the start of $(RELEASED),nothing); minutes on two cores."
	$(BIN)/python -m depthbench.run -m experiment=demo $(START) hydra/launcher=joblib hydra.launcher.n_jobs=2
	$(BIN)/python -m depthbench.report runs/demo --title 'depthbench: a first look' --output runs/demo/page.html

# One thread per test process: two that spin for two cores are slower than one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

test: $(STAMP)  ## everything but the tests marked slow
	$(PYTEST)

test-all: $(STAMP)
	@$(call extra,docs)
	$(PYTEST) -m 'not cluster'

test-cluster: $(STAMP)  ## on a SLURM of two nodes that it starts on this machine; MISSING=skip where none is installed
	@$(BIN)/python tests/cluster/slurm.py check || [ "$(MISSING)" = skip ] && \
	  OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n0 -m cluster tests/cluster

# The rooms whose faults lose work, each with the least share of its lines and branches that the suite must reach.
FLOORS := launch=84 runs=90 stats=94 training/callbacks=93

coverage: $(STAMP)  ## of the suite without slow tests, or of TESTS='tests/launch tests/runs tests/stats tests/training'
	@$(call extra,coverage)
	$(BIN)/coverage erase
	$(PYTEST) --cov --cov-report= $(TESTS)
	@failed=0; for floor in $(FLOORS); do \
	  echo "== $${floor%=*}: at least $${floor#*=} %"; \
	  $(BIN)/coverage report --include "src/depthbench/$${floor%=*}/*" --fail-under "$${floor#*=}" || failed=1; \
	done; exit $$failed

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)  ## the site, in build/site; every link is checked
	@$(call extra,docs)
	$(BIN)/python -m docs.site_pages build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file build/mkdocs.yml

# Pages of this version beside those of others, on the branch gh-pages of this clone; pushing it is the caller's.
docs-version: $(STAMP)  ## ALIAS=newest
	@$(call extra,docs)
	$(BIN)/python -m docs.site_pages build/pages --versions
	@# mike starts the mkdocs that it finds first.
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=. NO_MKDOCS_2_WARNING=1 mike deploy --config-file build/mkdocs.yml --update-aliases \
	  "$$($(BIN)/python -c 'import depthbench; print(depthbench.__version__.rpartition(".")[0])')" $(or $(ALIAS),newest)
	PATH="$(CURDIR)/$(BIN):$$PATH" mike set-default --config-file build/mkdocs.yml --allow-undefined newest

# The others write pages of docs/ or need data; each says so: python benchmarks/NAME.py --help.
SPEED := augment fill gradient_fusion loader losses metrics models published_metrics report rooms sweep_start

bench: $(STAMP)  ## times of everything, ours beside the peers'; most of an hour, after make install-all
	for name in $(SPEED); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

# Hours, or MINUTES=60; ONLY=kills,disk for parts. Writes docs/torture.md.
torture: $(STAMP)  ## before a release: kills, full disks, signals, bad files, configurations that try to run programs
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(SEED),--seed $(SEED))

release: $(STAMP)  ## VERSION=0.2.0: checks, wheel and sdist in dist/, a tag; nothing is uploaded
	@$(call extra,release)
	@$(BIN)/python tools/release.py "$(VERSION)"

clean:
	rm -rf .venv dist build runs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
