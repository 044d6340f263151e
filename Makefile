# Every target sets up what it needs first (see .ci/bootstrap); nothing is installed silently.
SHELL := /bin/sh
PY := .venv/bin/python
ARGS ?=

.PHONY: run rehearse check test lint lock fix

run: .venv/.ready
	@exec $(PY) -m assistant $(ARGS)

rehearse: .venv/.ready
	@exec $(PY) -m assistant rehearse $(ARGS)

test: .venv/.ready
	@exec $(PY) -m tests $(ARGS)

# The lint and every test that needs no lab: for while one works.
check: lint
	@MATRIX_ASSISTANT_ODD_INPUTS=20000 exec $(PY) -m pytest -n auto --maxprocesses 4 -m "not lab and not boots" $(ARGS)

lint: .venv/.ready
	@.ci/lint

.venv/.ready: requirements.lock pyproject.toml .ci/bootstrap
	@.ci/bootstrap

# For maintainers: take newer versions, here and on the hosts (needs uv).
lock: .venv/.ready
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock
	@$(PY) .ci/lock.py

fix: .venv/.ready
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
