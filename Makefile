SHELL := /bin/bash
.DEFAULT_GOAL := help
export KEEP
export LAB_CACHE
export FUZZ_SECONDS
export VERSION
export NONE_MISSING
export ONLY

# All of them, for some have the names of folders.
.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' Makefile)

help: ## Say what there is
	@awk -F ':.*## ' '/^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@printf '\ndocs/contributing.md shows how to run one test, the simulator and one scenario.\n'

## To begin:
first-test: ## Install what one test needs, in .venv alone, and run it: ansible-playbook against a simulator (one minute)
	@scripts/setup tests
	@.venv/bin/pytest -q tests/integration/examples/test_first_playbook.py

setup: ## Install all that the tests need, here in .venv and on this machine; start and enable nothing
	@scripts/setup

demo: ## Rehearse an example event with real media, in three minutes (KEEP=1 leaves it running)
	@exec scripts/demo

demo-stop: ## End a demo that KEEP=1 left running
	@exec scripts/demo --stop

## While you write:
unit: ## Test the engine by itself; one file: .venv/bin/pytest tests/unit/_reconcile/test_plan.py
	@exec scripts/test unit

integration: ## Test ansible-playbook against the simulator
	@exec scripts/test integration

lint: ## Check style, types, YAML, Ansible content, shell scripts, changelog, documentation, licences and the artifact
	@exec scripts/test lint

## Before a commit:
check: ## Run the checks and the tests that are quick, in a minute and a half
	@exec scripts/test check

## Before a merge or a release:
test: ## Run every check and every test, and hold the floor of coverage (about half an hour on two cores)
	@exec scripts/test

coverage: ## Run every test, and name what of plugins/ none has run (report in build/coverage)
	@exec scripts/test pytest e2e coverage

sanity: ## Run ansible-test sanity over a copy
	@exec scripts/test sanity

gates: ## Run ansible-test on every ansible-core and Python, and the checks of Galaxy (70 minutes; ONLY="2.18 project" for some)
	@exec scripts/gates $(ONLY)

matrix: ## Print the versions of ansible-core in .ci/matrix.yml, for CI
	@exec scripts/gates --matrix

crash: ## Kill 1000 runs at every step (half an hour), and print what was counted
	@exec scripts/test crash

leaks: ## Search what runs on ansible-core 2.16 to 2.22 leave behind for secrets (5 minutes)
	@exec scripts/test leaks

fuzz: ## Read hostile answers for FUZZ_SECONDS=300 for each target, and print what was counted
	@exec scripts/test fuzz

encoders: ## Test every kind of source with every profile, with two generations of ffmpeg (half an hour)
	@exec scripts/test encoders encoders-newer

soak: ## Run five streams for an hour while something fails at random; MINUTES=5 for less
	@exec scripts/test soak

bench: ## Measure event beside uri, a plain client and an empty play (about half an hour; results in build/bench)
	@exec scripts/bench

bench-hosts: ## Measure how long hosts with 1, 5 and 15 streams take, and 20 at once, on machines of the lab, as root (ten minutes)
	@exec scripts/bench-hosts

importer: ## Check the artifact as Galaxy and Automation Hub do on upload (half a minute)
	@exec scripts/test importer

docs: ## Build the documentation site in build/docs (a minute); each warning is an error
	@exec scripts/test site

build: ## Make the artifact that ansible-galaxy installs, in build/ (with ansible-core alone)
	@exec scripts/build

release: ## Prepare a release as one difference to review: VERSION=X.Y.Z (docs/versioning.md; ten minutes)
	@exec scripts/release

## With real media, and on machines:
e2e: ## Test with real ingest, real encoders and real media
	@exec scripts/test e2e

molecule: ## Test the roles on systemd machines of this host, as root (SCENARIO=event runs one)
	@exec scripts/molecule $(SCENARIO)

## Afterwards:
clean: ## Remove what make has made, except .venv
	@rm -rf build tests/output .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
