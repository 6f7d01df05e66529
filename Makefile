# The commands of the house. PYTHON chooses the interpreter of the environment that `install` makes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2

.PHONY: install demo test test-all lint format bench clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev,launchers,dashboards,fast]'
	# What pip would do with one core. Some packages hold files that don't compile, templates and tests.
	$(BIN)/python -m compileall -qq -j 0 .venv || true
	touch $(STAMP)

demo: $(STAMP)  ## a small sweep on the built-in rooms, and a page to look at
	$(BIN)/python -m depthbench.run -m experiment=demo hydra/launcher=joblib hydra.launcher.n_jobs=2
	$(BIN)/python -m depthbench.report runs/demo --title 'depthbench: a first look' --output runs/demo/page.html

# One thread per test process: two that spin for two cores are slower than one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

test: $(STAMP)  ## everything but what is marked slow
	$(PYTEST)

test-all: $(STAMP)
	$(PYTEST) -m ''

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf .venv dist build runs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
