PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test peers test-lowest lint docs benchmarks release fuzz clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: .venv/installed
	$(BIN)/python examples/quickstart.py

# One process for each core; torch and BLAS get one thread in each.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

# All tests of skorch, imbalanced-learn and scikit-learn that run on our estimator: six
# minutes. `make test` runs the quick ones.
peers: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/peers/test_*.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Without a warning, and without the network. The gallery runs: a minute or two.
docs: .venv/installed
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

.venv/peers-installed: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[benchmarks]"
	touch $@

# DATA=folder adds the benchmark on real data: a folder of .npz files, some hours.
benchmarks: .venv/peers-installed
	$(BIN)/python examples/benchmarks/default_quality.py
	$(BIN)/python examples/benchmarks/training_and_prediction_speed.py
	$(BIN)/python examples/benchmarks/convolutions.py
	$(BIN)/python examples/benchmarks/mixed_precision.py
	$(BIN)/python examples/benchmarks/concurrent_prediction.py
	$(BIN)/python examples/benchmarks/search_over_thresholds.py
	$(BIN)/python examples/benchmarks/threshold_speed.py
	$(BIN)/python examples/benchmarks/honest_probabilities.py
	$(BIN)/python examples/benchmarks/scaling.py
	$(BIN)/python examples/benchmarks/wide_search.py
	$(BIN)/python examples/benchmarks/later_dates.py
	$(if $(DATA),$(BIN)/python examples/benchmarks/real_data.py $(DATA))

# Tests with the oldest versions that pyproject.toml allows.
test-lowest:
	$(PYTHON) .ci/lowest_versions.py > .venv-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest.txt "torch==$$(sed -n 's/^torch==//p' .venv-lowest.txt)"
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest.txt --editable ".[test]"
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest

# A wheel and an sdist in dist/, each installed into a clean environment and used.
release: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt build
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	set -e; for file in dist/*; do .ci/smoke $$file; done

# PROPERTY is data, texts or scores; SECONDS how long.
PROPERTY ?= data
SECONDS ?= 600
fuzz: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt atheris
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python fuzz.py $(PROPERTY) -max_total_time=$(SECONDS) -max_len=4096 -len_control=0

clean:
	rm -rf .venv .venv-lowest .venv-lowest.txt
