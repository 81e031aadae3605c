# The three commands: `make build`, `make demo`, `make test`. Each sets up what it needs.
BUILD := build
CTEST := ctest --output-on-failure --no-tests=error

.PHONY: setup build demo test bench format tidy clean asan tsan
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
	cd $(BUILD) && $(CTEST) -LE parties && $(CTEST) -L parties -j 3

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
	rm -rf build build-dev build-asan build-tsan
