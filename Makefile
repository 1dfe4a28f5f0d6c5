# One word a job. Every word sets up what it needs: on a bare Debian machine, Python 3.11 and make are enough.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
POSTGRES := $(VENV)/.postgres
MLFLOW := $(VENV)/.mlflow
SPARK := $(VENV)/.spark
BROWSER := $(VENV)/.browser
PEERS := $(VENV)/.peers
EVIDENCE_PEERS := $(VENV)/.evidence-peers
MEASURE_PEERS := $(VENV)/.measure-peers
COMPILED := $(VENV)/.compiled
OF_COMPILED := tests/unit/http tests/unit/gateway tests/unit/record tests/unit/assign tests/properties/test_plain_requests.py tests/properties/test_streamed.py
SEED ?= 1
WORKERS ?= 2

.PHONY: help setup wheel demo test test-compiled test-slow check bench bench-gateway bench-evidence bench-measure bench-rollout docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s "$$(printf '\t')"

setup: $(READY) ## virtual environment and packages

$(READY): requirements.lock pyproject.toml tools/setup
	tools/setup $(VENV)
	@touch $@

$(POSTGRES): $(READY) tools/postgres
	tools/postgres
	@touch $@

# A server of MLflow needs much that its client does not.
$(MLFLOW): $(READY)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $@
	$(BIN)/uv pip install --quiet --python $@/bin/python --group mlflow-server
	@touch $@

# Spark is too large for everybody who runs the quick tests.
$(SPARK): $(READY) tools/spark
	tools/spark $(VENV)
	@touch $@

wheel: $(READY) ## a wheel with the request path compiled, into dist/
	tools/wheel $(VENV) dist

# The same wheel, laid out beside the checkout: what is on PYTHONPATH comes before it.
$(COMPILED)/.ready: $(READY) tools/wheel $(shell find src -name '*.py')
	rm -rf $(COMPILED)
	tools/wheel $(VENV) $(COMPILED)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(COMPILED)/lib $(COMPILED)/*.whl
	@touch $@

$(BROWSER): tools/browser
	tools/browser
	@touch $@

demo: $(READY) ## the main job on real data, at most five minutes (SEED=1, SWAP=1)
	$(BIN)/segue demo --seed $(SEED) $(if $(SWAP),--swap,)

test: $(READY) $(POSTGRES) ## all quick tests
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadfile

test-compiled: $(COMPILED)/.ready ## the quick tests of what is compiled, on the wheel
	PYTHONPATH=$(CURDIR)/$(COMPILED)/lib $(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadfile $(OF_COMPILED)

test-slow: $(READY) $(POSTGRES) $(MLFLOW) $(SPARK) $(BROWSER) $(COMPILED)/.ready ## the long ones: crash loops, simulations
	$(BIN)/pytest -m slow -n $(WORKERS) --dist loadfile
	PYTHONPATH=$(CURDIR)/$(COMPILED)/lib $(BIN)/pytest -m slow -n $(WORKERS) --dist loadfile tests/system/test_chaos.py tests/properties/test_fuzz.py

check: $(READY) ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(READY) ## the documentation as a site
	$(BIN)/python docs/make_pages.py
	$(BIN)/mkdocs build --strict --quiet

bench: ## all benchmarks
	@for part in gateway evidence measure rollout; do $(MAKE) --no-print-directory bench-$$part || failed=1; done; exit $${failed:-0}

bench-gateway: $(COMPILED)/.ready $(PEERS) ## the gateway beside Envoy and nginx, about fifteen minutes (FULL=1: ten more)
	PYTHONPATH=$(CURDIR)/$(COMPILED)/lib $(BIN)/python -m bench.bench_gateway $(if $(FULL),--full,) $(if $(ONLY),--only $(ONLY),)

bench-evidence: $(READY) $(EVIDENCE_PEERS) ## decisions beside every peer: false ones, late ones, about twenty minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.bench_evidence --peers $(EVIDENCE_PEERS)/bin/python

bench-measure: $(READY) $(MEASURE_PEERS) ## measuring, tick by tick and beside its peers, about fifteen minutes (FULL=1: a hundred million rows, half an hour more; ONLY=history, days or joins)
	$(BIN)/python -m bench.bench_measure --peers $(MEASURE_PEERS)/bin/python $(if $(FULL),--full,) $(if $(ONLY),--only $(ONLY),)

bench-rollout: $(READY) ## simulated policies, and a tick over a hundred rollouts, about three minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.bench_rollout

# The peers' pins (an old numpy) fit no environment but their own. confseq has no wheel: where it cannot be built, its rows are left out.
$(EVIDENCE_PEERS): $(READY)
	@test -d /usr/include/boost || { [ "$$(id -u)" = 0 ] || root=sudo; $$root apt-get update -qq && $$root apt-get install -y -qq g++ libboost-dev >/dev/null; }
	$(BIN)/pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $@
	$(BIN)/uv pip install --quiet --python $@/bin/python --group bench-evidence
	PATH="$(abspath $@)/bin:$$PATH" $(BIN)/uv pip install --quiet --python $@/bin/python --no-build-isolation confseq==0.0.11 \
		|| echo "confseq could not be built; its rows are left out"
	@touch $@

# Evidently takes no pandas 3, and NannyML forgets to name statsmodels.
$(MEASURE_PEERS): $(READY)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $@
	$(BIN)/uv pip install --quiet --python $@/bin/python --group bench-measure
	@touch $@

$(PEERS): $(READY)
	@which nginx wrk valgrind >/dev/null || { [ "$$(id -u)" = 0 ] || root=sudo; \
		$$root apt-get update -qq && $$root apt-get install -y -qq nginx wrk valgrind >/dev/null; }
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group bench
	@touch $@

lock: $(READY) ## pin the newest versions within the ranges
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group dev --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-package pyspark --no-emit-package py4j -o requirements.lock

clean: ## what was made, the virtual environment included
	rm -rf $(VENV) dist site demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
