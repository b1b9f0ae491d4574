# Two commands matter: `make up` and `make test`. Both set up what they need.

# The system's own Python first: it is built for speed, which those of version managers seldom are (docs/benchmark.md).
# One that cannot make the environment is named only where there is no other: the check below then says what it lacks.
PYTHONS   := /usr/bin/python3.11 python3.11 python3 python3.12 python3.13 python3.14
usable     = $(shell $(1) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $(1))
PYTHON    ?= $(firstword $(foreach name,$(PYTHONS),$(call usable,$(name))) $(foreach name,$(PYTHONS),$(shell command -v $(name) 2>/dev/null)))
PORT_BASE ?= 8100
KAFKA_PORT ?= 9092
RUN_DIR   ?= .run
TRANSPORT ?= embedded
VENV      := .venv
BIN       := $(VENV)/bin
PIP       := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
CHECKED   := chassis schemas reference services tests bench tools
# The directories to check that exist in this checkout.
CODE       = $(wildcard $(CHECKED))

.DEFAULT_GOAL := help
.PHONY: help up kafka test check requirements schemas bench simulate secrets dashboards stack stack-down clean
.DELETE_ON_ERROR:

help:
	@echo 'make up             set up and run everything on this machine; Ctrl-C stops it (PORT_BASE=8100 RUN_DIR=.run TRANSPORT=embedded|kafka)'
	@echo 'make kafka          run an Apache Kafka without Docker (Java 17, Maven); Ctrl-C stops it (KAFKA_PORT=9092 RUN_DIR=.run)'
	@echo 'make test           set up, check style, types and import rules, run all tests'
	@echo 'make bench          measure throughput and latency (TRANSPORT=embedded|kafka)'
	@echo 'make simulate       a year of cases in virtual time, from a seed (DAYS=365 CASES=2000 SEED=1)'
	@echo 'make schemas        export the contracts: JSON Schema and AsyncAPI'
	@echo 'make requirements   compile requirements*.in into pinned, hashed requirements*.txt'
	@echo 'make stack          the whole stack with Docker Compose (PROFILES="observe identity"); make stack-down stops it'
	@echo 'make secrets        make the secrets of that stack, once; make stack does it by itself'
	@echo 'make clean          remove the virtual environment and caches; the data in $(RUN_DIR) stay'

up: $(VENV)/runtime.stamp
	@exec $(BIN)/python -m services up --run-dir $(RUN_DIR) --port-base $(PORT_BASE) --transport $(TRANSPORT) --kafka 127.0.0.1:$(KAFKA_PORT)

kafka: $(VENV)/runtime.stamp
	@exec $(BIN)/python -m services kafka --run-dir $(RUN_DIR) --port $(KAFKA_PORT)

test: check
	$(BIN)/python -m pytest -q -n 3 --dist loadgroup --no-loadscope-reorder

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp
	$(BIN)/python -m bench --transport $(TRANSPORT)

DAYS  ?= 365
CASES ?= 2000
SEED  ?= 1

simulate: $(VENV)/runtime.stamp
	@$(BIN)/python -m tests.simulation --days $(DAYS) --cases $(CASES) --seed $(SEED)

schemas: $(VENV)/runtime.stamp
	$(BIN)/python -m schemas.export

requirements: $(VENV)/dev.stamp
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements-dev.in -o requirements-dev.txt

# deploy/.env first: the files of the profiles add to it. The profiles are `observe` and `identity`.
PROFILES  ?=
COMPOSE    = docker compose --file deploy/docker-compose.yml --env-file deploy/.env $(foreach profile,$(PROFILES),--env-file deploy/$(profile).env --profile $(profile))

secrets: $(VENV)/runtime.stamp
	@$(BIN)/python -m tools.deploy_secrets

dashboards: $(VENV)/runtime.stamp
	$(BIN)/python -m tools.dashboards

stack: secrets
	$(COMPOSE) up --build --detach
	$(COMPOSE) ps

stack-down:
	$(COMPOSE) --profile '*' down

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second run do nothing; a changed requirements file installs again.
$(VENV)/runtime.stamp: requirements.txt | $(VENV)/python.stamp
	@echo 'Installing the libraries into $(VENV) (the first time takes a minute or two) ...'
	@$(PIP) -r requirements.txt || { echo >&2 'Installing failed. Is the Python package index reachable from here? (proxy: https_proxy, mirror: PIP_INDEX_URL)'; exit 1; }
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/runtime.stamp
	@echo 'Installing what tests and checks need ...'
	@$(PIP) -r requirements-dev.txt || { echo >&2 'Installing failed. Is the Python package index reachable from here? (proxy: https_proxy, mirror: PIP_INDEX_URL)'; exit 1; }
	@touch $@

# What the machine must have, in plain words, and the line that mends it.
$(VENV)/python.stamp:
	@test -n '$(PYTHON)' || { echo >&2 'This machine has no Python 3. Mend it with:  sudo apt-get install -y python3 python3-venv'; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 'Python 3.11 or newer is needed; $(PYTHON) is older or does not run. On Debian 12 or newer:  sudo apt-get install -y python3 python3-venv   (or name another one: make PYTHON=/path/to/python3.11)'; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 'This machine lacks the venv module of Python. Mend it with:  sudo apt-get install -y python3-venv'; exit 1; }
	@'$(PYTHON)' -c 'import platform, sys; sys.exit(platform.libc_ver()[0] != "glibc")' || { echo >&2 'The bundled PostgreSQL needs a Linux with glibc (Debian, Ubuntu, Fedora ...), which this is not.'; exit 1; }
	@test "$$(id -u)" -ne 0 || command -v setpriv >/dev/null || { echo >&2 'You are root, and PostgreSQL does not run as root: setpriv is needed to step down. Mend it with:  apt-get install -y util-linux   (or work as an ordinary user)'; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear $(VENV)
	@touch $@
