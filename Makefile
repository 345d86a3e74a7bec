# Everything runs inside .venv, which is made on first use and made anew when requirements.lock
# changes. Any of these may be set on the command line, for example `make book ARGS="--seed 7"`:
PYTHON = python3
PORT = 8000
ARGS =

RUN = .venv/bin/python -m
UV := $(shell command -v uv 2>/dev/null)
NOT_INSTALLED = "error: not everything in requirements.lock could be installed (above: what" \
	"the installer said last; all of it: .venv/install.log). This one step needs the network and" \
	"about 1 GB of disk: see that the package index or a mirror of it can be reached, and run" \
	"make again. What is in _build is kept as it is."
# uv leaves compiling to the first import; where Python may not write, each kernel would compile anew.
INSTALL = $(if $(UV),$(UV) pip install --compile-bytecode --python .venv/bin/python,$(RUN) pip install)

.PHONY: help book test check lab serve screenshots sweep bench lint lock clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

book: .venv/package.stamp ## run the notebooks and build the book (ARGS=--help lists the options)
	$(RUN) reproduce $(ARGS)

test: lint ## lint, then run every test on all cores (ARGS go to pytest)
	$(RUN) pytest --numprocesses logical $(ARGS)

check: lint ## what is fast: lint, two notebooks and the tests not marked slow (ARGS go to pytest)
	$(RUN) reproduce --only theorem-1 theorem-2
	$(RUN) pytest --numprocesses logical -m "not slow" $(ARGS)

lab: .venv/package.stamp ## open the notebooks in JupyterLab
	$(RUN) jupyter lab notebooks/ $(ARGS)

serve: ## show the built book at http://127.0.0.1:8000 (PORT=8000)
	@test -f _build/html/index.html || { echo "No book yet: run 'make book' first." >&2; exit 1; }
	$(PYTHON) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

screenshots: .venv/package.stamp ## picture the built book (_build/screenshots) and export README's figure
	$(RUN) reproduce.screenshots

sweep: .venv/package.stamp ## run the notebooks for 20 more seeds and table the worst errors (long)
	$(RUN) reproduce.sweep $(ARGS)

bench: .venv/package.stamp ## measure the speed against plain NumPy and SciPy
	$(RUN) tests.bench $(ARGS)

lint: .venv/package.stamp ## check style and formatting
	$(RUN) ruff check
	$(RUN) ruff format --check

lock: ## write requirements.lock from pyproject.toml (ARGS=--upgrade for newer versions)
	$(if $(UV),,$(PYTHON) -m venv _build/uv && _build/uv/bin/python -m pip install --quiet uv)
	$(or $(UV),_build/uv/bin/uv) pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --extra book --extra test --custom-compile-command "make lock" \
		--output-file requirements.lock $(ARGS) pyproject.toml

clean: ## remove _build
	rm -rf _build
	@echo "Kept .venv; remove it with: rm -rf .venv"

# A stamp is written last, so an install that was cut short starts again. --clear takes the old
# stamps and packages away: what is installed is what the lock names and nothing else.
.venv/lock.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, not %d.%d: try make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Installing requirements.lock into .venv: some minutes the first time."
	$(PYTHON) -m venv --clear .venv
	@echo "$(INSTALL) --require-hashes -r requirements.lock"
	@$(INSTALL) --quiet --require-hashes -r requirements.lock 2>.venv/install.log || { \
		tail -n 3 .venv/install.log >&2; echo $(NOT_INSTALLED) >&2; exit 1; }
	@touch $@

.venv/package.stamp: .venv/lock.stamp pyproject.toml
	$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@
