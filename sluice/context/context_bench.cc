// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/context.h"

#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

// What most requests do: a deadline that is cancelled in time.
void with_timeout_and_cancel(benchmark::State& state) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    for (auto _ : state) {
      auto [context, cancel] = with_timeout(Context(), 1h);
      benchmark::DoNotOptimize(context);
    }
  });
}
BENCHMARK(with_timeout_and_cancel);

void with_timeout_and_cancel_below_a_parent(benchmark::State& state) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    auto [parent, cancel_parent] = with_cancel(Context());
    for (auto _ : state) {
      auto [context, cancel] = with_timeout(parent, 1h);
      benchmark::DoNotOptimize(context);
    }
  });
}
BENCHMARK(with_timeout_and_cancel_below_a_parent);

void with_cancel_and_cancel(benchmark::State& state) {
  for (auto _ : state) {
    auto [context, cancel] = with_cancel(Context());
    benchmark::DoNotOptimize(context);
  }
}
BENCHMARK(with_cancel_and_cancel);

// A root with range(0) children ends; time per child, without their making.
void cancel_of_a_tree(benchmark::State& state) {
  const size_t children = size_t(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    auto root = with_cancel(Context());
    std::vector<CancellableContext> tree;
    for (size_t i = 0; i < children; ++i) tree.push_back(with_cancel(root.context));
    state.ResumeTiming();
    root.cancel();
    state.PauseTiming();
    tree.clear();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(int64_t(state.iterations() * children));
}
BENCHMARK(cancel_of_a_tree)->Arg(1000);

void err_of_a_live_context(benchmark::State& state) {
  auto [context, cancel] = with_cancel(Context());
  for (auto _ : state) benchmark::DoNotOptimize(context.err());
}
BENCHMARK(err_of_a_live_context);

struct Key {
  using Value = int;
};
struct Filler {
  using Value = int;
};

void value_eight_levels_down(benchmark::State& state) {
  Context context = with_value<Key>(Context(), 7);
  for (int i = 0; i < 7; ++i) context = with_value<Filler>(context, i);
  for (auto _ : state) benchmark::DoNotOptimize(context.value<Key>());
}
BENCHMARK(value_eight_levels_down);

}  // namespace
}  // namespace sluice
