# The front door. Each goal installs what it needs (tools/setup), builds its preset under build/,
# and runs. CMake and CMakePresets.json do the work; anything here can be done by hand.

JOBS ?= $(shell nproc)
BUILD = cmake --build --preset
# Number of times that `make repeat` repeats the test suite.
TIMES ?= 20
# Number of simulated runs of `make soak`.
RUNS ?= 100000
# Schedules of a program after which `make explore` gives it up.
SCHEDULES ?= 400000
# Seconds that `make fuzz` gives to each target.
SECONDS_EACH ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo test bench memory asan tsan repeat soak explore chaos fuzz fmt fmt-check lint clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## build the payments service and watch it work
	tools/setup demo
	cmake --preset demo -Werror=dev
	$(BUILD) demo -j$(JOBS) --target payments
	apps/payments/demo.sh build/demo

test: ## build everything and run every test
	tools/setup test
	cmake --preset dev -Werror=dev
	$(BUILD) dev -j$(JOBS) --target all all_verify_interface_header_sets
	ctest --preset dev -j$(JOBS)

bench: ## our benches beside their rivals, one table
	tools/setup bench
	cmake --preset bench -Werror=dev
	$(BUILD) bench -j$(JOBS)
	bench/run build/bench

memory: ## a flood of requests where memory ends, with and without the memory governor
	tools/setup bench
	cmake --preset bench -Werror=dev
	$(BUILD) bench -j$(JOBS) --target bench_memory
	bench/memory/run build/bench

asan: ## every test under AddressSanitizer, UBSan and the leak checker
	tools/setup test
	cmake --preset asan -Werror=dev
	$(BUILD) asan -j$(JOBS)
	ctest --preset asan -j$(JOBS)

tsan: ## every test under ThreadSanitizer
	tools/setup tsan
	cmake --preset tsan -Werror=dev
	$(BUILD) tsan -j$(JOBS)
	ctest --preset tsan -j$(JOBS)

repeat: test ## the test suite, TIMES=20 times, until a failure
	ctest --preset dev -j$(JOBS) --repeat until-fail:$(TIMES)

soak: ## RUNS=100000 simulated runs of the payments service, with every fault there is
	tools/setup test
	cmake --preset dev -Werror=dev
	$(BUILD) dev -j$(JOBS) --target payments_simulation
	PAYMENTS_SOAK_RUNS=$(RUNS) PAYMENTS_SOAK_JOBS=$(JOBS) \
	  build/dev/apps/payments/simulation/payments_simulation --gtest_filter='*.Soak' --gtest_brief=1

explore: ## our primitives between atomic operations, one departure deeper, SCHEDULES=400000 each
	tools/setup test
	cmake --preset release -Werror=dev
	$(BUILD) release -j$(JOBS) --target simulation_instrumented_test
	SLUICE_EXPLORE_DEEPER=$(SCHEDULES) build/release/sluice/simulation/simulation_instrumented_test

chaos: ## kill -9 the payments service under load, again and again, and verify its ledger
	tools/setup demo
	cmake --preset demo -Werror=dev
	$(BUILD) demo -j$(JOBS) --target payments
	apps/payments/chaos.sh build/demo

fuzz: ## each fuzz target for SECONDS_EACH=60
	tools/setup fuzz
	cmake --preset fuzz -Werror=dev
	$(BUILD) fuzz -j$(JOBS)
	tools/fuzz/run build/fuzz $(SECONDS_EACH)

fmt: ## format every C++ file
	tools/setup fmt
	git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

fmt-check: ## fail when a C++ file is not formatted
	tools/setup fmt
	git ls-files '*.h' '*.cc' | xargs clang-format-19 --dry-run -Werror

lint: ## clang-tidy and thread-safety analysis
	tools/setup lint
	cmake --preset lint -Werror=dev
	$(BUILD) lint -j$(JOBS)

clean: ## remove build/
	rm -rf build
