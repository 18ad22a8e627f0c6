PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint benchmarks clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: .venv/installed
	$(BIN)/python examples/quickstart.py

test: lint
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: .venv/installed
	$(BIN)/python examples/benchmarks/default_quality.py
	$(BIN)/python examples/benchmarks/training_and_prediction_speed.py
	$(BIN)/python examples/benchmarks/search_over_thresholds.py
	$(BIN)/python examples/benchmarks/threshold_speed.py
	$(BIN)/python examples/benchmarks/honest_probabilities.py

clean:
	rm -rf .venv
