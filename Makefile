PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs benchmarks clean

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

.venv/docs-installed: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

# Without a warning, and without the network. The gallery runs: a minute or two.
docs: .venv/docs-installed
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

.venv/peers-installed: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[benchmarks]"
	touch $@

# DATA=folder adds the benchmark on real data: a folder of .npz files, some hours.
benchmarks: .venv/peers-installed
	$(BIN)/python examples/benchmarks/default_quality.py
	$(BIN)/python examples/benchmarks/training_and_prediction_speed.py
	$(BIN)/python examples/benchmarks/import_time_and_memory.py
	$(BIN)/python examples/benchmarks/search_over_thresholds.py
	$(BIN)/python examples/benchmarks/threshold_speed.py
	$(BIN)/python examples/benchmarks/honest_probabilities.py
	$(if $(DATA),$(BIN)/python examples/benchmarks/real_data.py $(DATA))

clean:
	rm -rf .venv
