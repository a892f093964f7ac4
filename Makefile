# Two commands do everything: `make plan` and `make test`. Both create the environment they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_DAY ?= 2026-06-15
WORKERS ?= 2
# pip is quiet, but a failed install must show why
# Without --no-compile all of TensorFlow is compiled to bytecode before the first plan; Python does it for what it loads.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

.PHONY: plan test reliability check format docs docs-data benchmark clean

plan: $(VENV)/.core  ## the deployment plan of the demo region: simulate what is seen, run the daily flow, name the files
	$(BIN)/oceanclean twin observe --region demo --date $(DEMO_DAY)
	$(BIN)/python -m flows.daily --region demo --date $(DEMO_DAY)

test: $(VENV)/.dev  ## all tests, WORKERS at a time
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder  # tests/conftest.py says which go first

RELIABILITY := tests/chain/test_kills.py tests/chain/test_faults.py tests/chain/test_soak.py tests/reliability
reliability: export OCEANCLEAN_RELIABILITY = all
reliability: export OCEANCLEAN_RELIABILITY_FIGURES = $(CURDIR)/var/reliability
reliability: $(VENV)/.dev  ## faults, load and hostile input, and the table of promises with what was measured
	rm -rf var/reliability
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(RELIABILITY); \
	  status=$$?; $(BIN)/python -m tests.reliability.promises; exit $$status

check: $(VENV)/.dev  ## lint, format, types, walls between rooms, unsafe calls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src flows

format: $(VENV)/.dev  ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## the documentation site, into site/; needs no network, a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-data: $(VENV)/.dev  ## pages of docs/ that are made from the code
	$(BIN)/python docs/data_dictionary.py

benchmark: $(VENV)/.dev  ## seconds, memory and sizes of each stage of a day
	$(BIN)/python -m benchmarks.chain

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("oceanclean needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=...") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[deploy,dev,dask,docs,objects,services]'
	touch $@

clean:  ## runs and caches, not the environment
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
