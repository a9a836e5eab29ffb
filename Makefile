# make app   opens the app      make classroom   serves it to a class      make test   runs every check and test
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: app classroom test check clean

app: $(VENV)/app
	$(BIN)/streamlit run app.py

classroom: $(VENV)/app
	$(BIN)/imprint serve --classroom

test: check
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy imprint_core

$(VENV)/app: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Imprint needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Choose another with: make app PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt -c constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e .
	touch $@

$(VENV)/dev: $(VENV)/app requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) static .pytest_cache .mypy_cache .ruff_cache .hypothesis
