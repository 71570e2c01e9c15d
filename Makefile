# Every target sets the checkout up first: Python into .venv, Node's tools into node_modules. Nothing else is touched.

PYTHON ?= python3
STAGE ?= prod
DOCS ?= samples/documents
CHAOS ?=
MODEL ?=

# One run on all cores; tests/conftest.py says what stays on one worker. The chaos has processes enough of its own: it
# comes after, by itself, because what it catches depends on who is in time.
# One worker more than cores, since those of the local cloud and of the guides mostly wait.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PARALLEL := python -m pytest -n $(WORKERS) --dist loadscope
IN_MEMORY := tests/unit tests/contract/test_every_backend.py tests/contract/test_every_backend_memory.py
CHAOS_TESTS := tests/chaos/test_chaos.py
COVERAGE := $(if $(filter true,$(CI)),--cov --cov-report=term)
# mypy needs one core while the tests have the other; its verdict counts as much as theirs.
WITH_TYPES = mypy & types=$$!; $(1); tests=$$?; wait $$types && exit $$tests

# What is compiled under the constraints of requirements-dev.txt, so that a package has one version in all of them.
LOCKED := requirements requirements-bootstrap infra/status_tracker_cdk/layer-requirements lambdas/requirements layer/status_tracker_local/handler-requirements bench/requirements
# A module of the checkout, as a command.
OURS := PYTHONPATH=layer:lambdas:infra python -m

COMPILE = uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header

# The stage local is that of the cloud that `make cloud` keeps up, unless the environment leads to another one that answers.
FROM_CLOUD := cloud=$$($(OURS) status_tracker_local.exports --unless-led) && printf '%s\n' "$$cloud" && eval "$$cloud" &&
OF_LOCAL_CLOUD := $(if $(filter local,$(STAGE)),$(FROM_CLOUD))

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20
# Images of CI set this; then each of the hundreds of processes compiles aws-cdk-lib, moto or botocore anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON_READY := .venv/.ready
BENCH_READY := .venv-bench/.ready
NODE_READY := node_modules/.package-lock.json
READY := $(PYTHON_READY) $(NODE_READY)

# Python's packages and Node's are set up at the same time; if either cannot be, make says so and stops.
# Of several targets each waits for the one before: make deploy verify.
MAKEFLAGS += $(if $(filter 0,$(MAKELEVEL)),$(if $(word 2,$(MAKECMDGOALS)),,--jobs=2))

.DEFAULT_GOAL := help
.PHONY: help demo cloud check test matrix chaos model bench pipeline example lint style docs dist synth bootstrap deploy env verify rerun lock clean

help: ## what there is to run
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: $(READY) ## run the whole application on this machine with sample documents (DOCS=folder for your own, REPORT=file for a report)
	@$(OURS) demo --docs "$(or $(DOCS),samples/documents)" $(if $(REPORT),--report "$(REPORT)")

cloud: $(READY) ## keep the local cloud up, and print how to reach it
	@PATH="$(CURDIR)/bin:$$PATH" status-tracker local --app . --context stage=local

check: style ## lint, types, the unit tests and the contract in memory
	@$(call WITH_TYPES,$(PARALLEL) -q $(IN_MEMORY))

test: $(if $(TESTS),$(READY),style) ## lint, types and all tests but those of matrix (TESTS='tests/unit -k r4': these and nothing else)
ifdef TESTS
	@python -m pytest $(TESTS)
else
	@$(call WITH_TYPES,$(PARALLEL) -m 'not matrix' $(COVERAGE) --ignore $(CHAOS_TESTS) tests)
	@python -m pytest -m 'not matrix' $(CHAOS_TESTS)
endif

matrix: $(READY) ## what is too slow for test: moto as the engine, ten times the races, long chaos; runs every night
	@$(PARALLEL) -m matrix --ignore $(CHAOS_TESTS) tests
	@python -m pytest -m matrix $(CHAOS_TESTS)
	@RACE_RUNS=10 python -m pytest tests/contract/test_races.py tests/contract/test_races_every_backend.py
	@for backend in dynamodb postgresql sqlite files s3; do \
		python -m tests.chaos --backend $$backend --lifecycles 10000 --seed $$(date +%j) || exit 1; done

chaos: $(READY) ## kill workers and the function that counts, lose answers, skew clocks, then check (CHAOS='--lifecycles 100000 --seed 1')
	@python -m tests.chaos $(CHAOS)
	@python -m tests.chaos.counts

model: $(READY) ## explore the lifecycle exhaustively, the long form too (MODEL='--only postpone --most 100000'); every night
	@python -m tests.model $(MODEL)

bench: $(READY) $(BENCH_READY) ## measure the library beside its peers, and write bench/results.md (QUICK=1: less, into .local/bench; BASE=<revision>: that one beside it)
	@$(OURS) bench $(if $(QUICK),--quick) $(if $(BASE),--base "$(BASE)")

pipeline: $(READY) ## documents a second through the local cloud, where their time goes, cold starts (N=200)
	@$(OURS) bench.pipeline --documents $(or $(N),200)
	@$(OURS) bench.cold_functions

example: $(PYTHON_READY) ## run one of the examples: NAME=orders_sql (ARGS='…' for its arguments)
	@PYTHONPATH=layer python examples/$(or $(NAME),documents).py $(ARGS)

lint: style ## ruff and mypy --strict
	@mypy

style: $(READY)
	@ruff check .
	@ruff format --check .

docs: $(READY) ## build the site of the documentation into .local/site, strictly: what is wrong in it is an error
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --site-dir .local/site
	@echo .local/site/index.html

dist: $(PYTHON_READY) ## build the wheels and source distributions of both packages, the same bytes for the same commit
	@python -m release.distributions dist
	@twine check --strict dist/*

synth: $(READY) ## the CloudFormation template of STAGE (prod), into cdk.out
	@cdk synth --quiet -c stage=$(STAGE) $(SET)
	@echo cdk.out/status-tracker-$(STAGE).template.json

bootstrap: $(READY) ## prepare the AWS account and region of your credentials, once (or ACCOUNT=… REGION=…)
	@mkdir -p .local/empty
	@account=$$($(OURS) documents_stack.bootstrap "$(ACCOUNT)" "$(REGION)") && cd .local/empty && cdk bootstrap "$$account"

deploy: $(READY) ## deploy STAGE (prod) to the AWS account of your credentials (SET='-c alarm_email=…' for a setting)
	@cdk deploy -c stage=$(STAGE) $(SET)

env: $(PYTHON_READY) ## print the variables with which status-tracker works on STAGE (prod), for eval in a shell
	@$(OF_LOCAL_CLOUD) $(OURS) status_tracker.cli env status-tracker-$(STAGE)
	@printf 'export PYTHONPATH=%s/layer:%s/lambdas\nexport PATH=%s/bin:"$$PATH"\n' '$(CURDIR)' '$(CURDIR)' '$(CURDIR)'

verify: $(READY) ## prove that the deployed STAGE (prod) works, with samples that are deleted afterwards (TIMEOUT=10m)
	@settings=$$($(MAKE) --silent env STAGE=$(STAGE)) && eval "$$settings" && status-tracker verify --timeout "$(or $(TIMEOUT),10m)"

rerun: $(READY) ## run a document of STAGE (prod) again: TASK='key#etag' REASON='why' (STEP=Extract: from that step)
	@if [ -z "$$TASK" ] || [ -z "$$REASON" ]; then \
		echo "Usage: make rerun STAGE=$(STAGE) TASK='key#etag' REASON='why'" >&2; exit 2; fi
	@settings=$$($(MAKE) --silent env STAGE=$(STAGE)) && eval "$$settings" && status-tracker rerun --yes --reason "$$REASON" $(if $(STEP),--step "$(STEP)") -- "$$TASK"

lock: $(READY) ## compile every *.in file to its *.txt; a pin stays until it has to change (UPGRADE=--upgrade for newer ones)
	@$(COMPILE) $(UPGRADE) requirements-dev.in -o requirements-dev.txt
	@for name in $(LOCKED); do $(COMPILE) $(UPGRADE) -c requirements-dev.txt $$name.in -o $$name.txt || exit 1; done

clean: ## remove everything the targets above have made
	@rm -rf .venv .venv-bench .venv-handlers node_modules cdk.out .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage dist layer/build layer/*.egg-info infra/build infra/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON_READY): requirements-bootstrap.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.x …")'
	@echo "Setting up Python packages in .venv …" >&2
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements-dev.txt
	@touch $@

$(BENCH_READY): bench/requirements.txt $(PYTHON_READY)
	@echo "Setting up the peers' packages in .venv-bench …"
	@test -x .venv-bench/bin/python || .venv/bin/uv venv --quiet --python .venv/bin/python .venv-bench
	@.venv/bin/uv pip install --quiet --python .venv-bench/bin/python --require-hashes -r bench/requirements.txt
	@touch $@

$(NODE_READY): package.json package-lock.json
	@node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' || { echo "Node 20 or newer is needed: see https://nodejs.org"; exit 1; }
	@echo "Setting up Node packages in node_modules …"
	@npm ci --silent --no-audit --no-fund
	@touch $@
