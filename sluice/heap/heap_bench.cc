// SPDX-License-Identifier: Apache-2.0

// What the hook costs: an allocation and its free at rest, with a scope open, and sampled.

#include <cstdlib>

#include <benchmark/benchmark.h>

#include "sluice/heap/alloc_scope.h"
#include "sluice/heap/profile.h"

namespace sluice::heap {
namespace {

void malloc_and_free(benchmark::State& state) {
  for (auto _ : state) {
    void* memory = std::malloc(static_cast<size_t>(state.range(0)));
    benchmark::DoNotOptimize(memory);
    std::free(memory);
  }
}
BENCHMARK(malloc_and_free)->Arg(64);

void new_and_delete(benchmark::State& state) {
  set_sample_rate(static_cast<uint64_t>(state.range(1)));
  for (auto _ : state) {
    void* memory = ::operator new(static_cast<size_t>(state.range(0)));
    benchmark::DoNotOptimize(memory);
    ::operator delete(memory);
  }
  set_sample_rate(sample_rate_default);
}
// Without samples; as it is; each one sampled.
BENCHMARK(new_and_delete)->Args({64, 0})->Args({64, sample_rate_default})->Args({64, 1});

void new_and_delete_in_scope(benchmark::State& state) {
  AllocScope scope{AllocScope::Of::process,
                   state.range(0) != 0 ? AllocScope::Keep::stacks : AllocScope::Keep::totals};
  for (auto _ : state) {
    void* memory = ::operator new(64);
    benchmark::DoNotOptimize(memory);
    ::operator delete(memory);
  }
}
BENCHMARK(new_and_delete_in_scope)->Arg(0)->Arg(1);

}  // namespace
}  // namespace sluice::heap
