# Everything a person types. The environment lies in .venv; a stamp file tells when it is current.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A compiler that comes later is used: then the environment is made again, in seconds.
STAMP := $(VENV)/.installed$(if $(shell command -v $(CC) 2>/dev/null),-compiled)

.PHONY: help image sbom compose-test fc-publish fc-gray fc-promote fc-rollback dashboard run bench test fuzz test-hard test-corpus compare-formats lint install clean fc-code docs contact-sheet miniprogram-wechat

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(STAMP)  ## make the environment in .venv

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard app/imgfn/imaging/native/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit("imgfn needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo 'Installing imgfn and its libraries into $(VENV): about a minute the first time'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@$(if $(findstring compiled,$@),,echo 'No C compiler ($(CC)): resizes, rotations and PNG are slower until there is one')
	@rm -f $(VENV)/.installed*
	@touch $@

run: $(STAMP)  ## start the server, on http://127.0.0.1:8000 with the folder store in ./data unless IMGFN_… say otherwise
	@$(BIN)/imgfn serve --sample

lint: $(STAMP)  ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint  ## lint and every test but the long ones
	$(BIN)/python -m pytest -m "not hard"

SECONDS ?= 60
fuzz:  ## random input for the loops in C under sanitizers, for SECONDS=60; needs clang
	@command -v clang >/dev/null || { echo "make fuzz needs clang: apt-get install clang"; exit 1; }
	mkdir -p dist/fuzz/corpus
	clang -g -O2 -fsanitize=fuzzer,address,undefined,float-cast-overflow -fno-sanitize-recover=all \
		-o dist/fuzz/native tests/fuzz/native.c app/imgfn/imaging/native/*.c -lm
	dist/fuzz/native -max_total_time=$(SECONDS) -max_len=400 -print_final_stats=1 \
		-artifact_prefix=dist/fuzz/ dist/fuzz/corpus tests/fuzz/corpus

test-hard: $(STAMP)  ## every test, the long ones too
	$(BIN)/python -m pytest

contact-sheet: $(STAMP)  ## every operation's golden on one picture, in dist/contact-sheet.png
	$(BIN)/python -m tests.operations.contact_sheet dist/contact-sheet.png

miniprogram-wechat:  ## the mini-program for WeChat, in dist/miniprogram-wechat
	@$(PYTHON) wechat/convert.py dist/miniprogram-wechat

bench: $(STAMP)  ## measure speed, size, memory and quality against others; IMAGES=DIR for your own photographs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench $(if $(IMAGES),--images $(IMAGES)) $(PARTS)

docs: $(STAMP)  ## the generated tables of the READMEs
	$(BIN)/python docs/fill.py README.md README.zh.md

FC_PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
fc-code: $(STAMP)  ## what Function Compute gets, in deploy/fc/code
	rm -rf deploy/fc/code deploy/fc/wheels
	$(FC_PIP) wheel --no-deps --constraint constraints.txt --wheel-dir deploy/fc/wheels pyvips  # it has no wheel on PyPI
	# Compiled here, the loops in C run there if both are Linux on x86-64.
	IMGFN_NATIVE=$(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),1,0) \
	$(FC_PIP) install --constraint constraints.txt --find-links deploy/fc/wheels --target deploy/fc/code \
		--python-version 3.12 --only-binary=:all: --platform linux_x86_64 --platform manylinux2014_x86_64 \
		$(foreach glibc,2_17 2_24 2_26 2_27 2_28,--platform manylinux_$(glibc)_x86_64) .
	install -D --mode 644 --target-directory deploy/fc/code/functions functions/*.py
	install -D --mode 644 deploy/fc/bridge.py deploy/fc/code/deploy/fc/bridge.py

fc-publish:  ## Function Compute: LATEST becomes a version
	@deploy/fc/release.sh publish

fc-gray:  ## Function Compute: N % of the requests for version NEW, the others for OLD
	@deploy/fc/release.sh gray $(OLD) $(NEW) $(N)

fc-promote:  ## Function Compute: all requests for version NEW
	@deploy/fc/release.sh promote $(NEW)

fc-rollback:  ## Function Compute: all requests for version OLD
	@deploy/fc/release.sh rollback $(OLD)

image:  ## the container image, by buildah
	deploy/oci/build.sh

sbom: $(STAMP)  ## what is in the image, as CycloneDX JSON, in dist/
	deploy/oci/sbom.sh

compose-test: $(STAMP)  ## deploy/compose, run by podman-compose with stand-ins for the images of a registry
	IMGFN_REQUIRE_REAL=1 $(BIN)/python -m pytest tests/deploy/test_compose.py

dashboard: $(STAMP)  ## the Grafana dashboard, from its script
	$(BIN)/python deploy/grafana/make_dashboard.py

test-corpus: $(STAMP)  ## every file of the folder IMGFN_CORPUS through a real server, as a table
	$(BIN)/python -m tests.hostile.corpus

compare-formats: $(STAMP)  ## every file of the folder IMGFN_CORPUS beside Chromium or ImageMagick, as a table
	$(BIN)/python -m tests.hostile.formats

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
