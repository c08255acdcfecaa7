# `make demo` shows what it does, `make test` checks it, `make test-fast` most of what needs no Ray; `make test-cluster`
# brings up clusters. All install into .venv first.
PYTHON ?= python3
BIN := .venv/bin
# Let pytest keep what it compiles, whatever the shell says: 6 s of a core for each of its processes otherwise.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast test-cluster coverage lint bench clean

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(None if ok else "needs Python 3.11 to 3.13: make PYTHON=python3.12 ...")'
	@echo "installing into .venv (torch is large: some minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[jobs,view]' --group dev
	@touch $@

demo: .venv/installed
	$(BIN)/python -m jobs.demo

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Three files at a time, as some mostly wait for Ray; in the order of tests/conftest.py, the longest files first.
# A process that dies fails its test and is not started again: xdist has then been seen to wait for ever.
ALL := -m "not cluster" -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: lint
	$(BIN)/python -m pytest -q $(ALL)

# What needs neither Ray nor a browser, but for the files that SLOW in tests/conftest.py names. Two at a time, as it
# waits for nothing, and each process takes 6 s of a core to collect.
test-fast: .venv/installed
	$(BIN)/python -m pytest -q -m "not ray and not slow" -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# Lines that Ray's workers run are not counted: Ray ends their processes without a word.
coverage: .venv/installed
	$(BIN)/python -m pytest -q $(ALL) --cov --cov-report=term:skip-covered

# Hosts in namespaces, sshd in each: needs root, iproute2, openssh-server and rsync, else the tests skip and say so.
test-cluster: .venv/installed
	$(BIN)/python -m pytest -q -rs -m cluster --timeout 600

bench: .venv/installed
	$(BIN)/python -m tools.bench.overhead

clean:
	rm -rf .venv demo build *.egg-info
