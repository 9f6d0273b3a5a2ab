# Two commands: `make up` runs the library on this machine, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: up test faults clients lint clean

up: $(VENV)/.installed
	exec $(BIN)/python manage.py up $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto $(ARGS)

# The long fault runs (some 30 minutes) with their times; `make test` runs short ones (FAULTS=long is the difference).
faults: $(VENV)/.installed-test
	FAULTS=long $(BIN)/python -m pytest tests/faults -s $(ARGS)

# Every public client of the protocols that the encoder speaks; `make test` leaves out the one that is long to install.
clients: $(VENV)/.installed-test
	CLIENTS=all $(BIN)/python -m pytest tests/protocols/test_public_clients.py $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# torch first and exactly: resolved together with the rest, a newer build and its CUDA packages could be chosen.
$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	@echo "Installing PyTorch and the rest; this takes a few minutes."
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --constraint requirements.lock --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache
