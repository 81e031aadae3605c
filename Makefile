# The three commands: `make build`, `make demo`, `make test`. Each sets up what it needs.
BUILD := build
CTEST := ctest --output-on-failure --no-tests=error

# For each target; what CI runs. The seed is the same each time, so that a failure is about what was changed.
# An hour once a target, with other inputs each time: `make fuzz FUZZ_SECONDS=3600 FUZZ_SEED=0`.
FUZZ_SECONDS := 8
FUZZ_SEED := 1

# Python would leave byte code beside the tests.
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: setup build demo test fuzz bench format tidy clean asan tsan
.DEFAULT_GOAL := build

setup:
	@scripts/setup

build: setup
	@cmake --preset release >$(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; rm -f $(BUILD)-configure.log; exit 1; }
	@rm -f $(BUILD)-configure.log
	@cmake --build $(BUILD)

demo: build
	$(BUILD)/leeward drill examples/shop/shop.yaml --lab --report shop-drill.html

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory build
	@if fuzz/can; then $(MAKE) --no-print-directory fuzz; else echo "fuzz: not run: there is no clang++-14 with its fuzzing runtime"; fi
	cd $(BUILD) && $(CTEST) -LE parties && $(CTEST) -L parties -j 3

fuzz:
	@fuzz/can || { echo "fuzz: clang++-14 or its fuzzing runtime is missing: apt-get install clang-14 libclang-rt-14-dev" >&2; exit 4; }
	@cmake --preset fuzz >/dev/null
	@cmake --build build-fuzz --target fuzzers
	fuzz/run --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

asan tsan:
	@scripts/setup test
	cmake --preset $@
	cmake --build build-$@
	cd build-$@ && ctest --output-on-failure --no-tests=error -LE slow

bench: build
	bench/run

format:
	git ls-files '*.cc' '*.h' | xargs clang-format -i

tidy: build
	scripts/tidy

clean:
	rm -rf build build-dev build-asan build-tsan build-fuzz
