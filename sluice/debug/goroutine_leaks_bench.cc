// SPDX-License-Identifier: Apache-2.0

// What a search for leaks costs: how long the others stand still, and how long the search takes,
// for so many parked goroutines and so many MB of small blocks that point at each other.

#include "sluice/debug/goroutine_leaks.h"

#include <cstddef>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/leaks.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

struct Block {
  std::unique_ptr<Block> next;
  char payload[56] = {};
};

// Chains of a thousand, so that destruction does not recurse too deep.
std::vector<std::unique_ptr<Block>> blocks_of(size_t bytes) {
  std::vector<std::unique_ptr<Block>> chains;
  for (size_t made = 0; made < bytes; made += 1000 * (sizeof(Block) + 16)) {
    std::unique_ptr<Block> chain;
    for (int i = 0; i < 1000; ++i) {
      auto block = std::make_unique<Block>();
      block->next = std::move(chain);
      chain = std::move(block);
    }
    chains.push_back(std::move(chain));
  }
  return chains;
}

void prove(benchmark::State& state) {
  std::vector<std::unique_ptr<Block>> blocks = blocks_of(static_cast<size_t>(state.range(1)) << 20);
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    Channel<Unit> end;
    for (int64_t i = 0; i < state.range(0); ++i) go([end] { end.receive(); });
    yield();
    double stopped = 0, searched = 0;
    for (auto _ : state) {
      runtime::LeakProof proof = runtime::prove_leaks();
      if (!proof.incomplete.empty()) return state.SkipWithError(proof.incomplete.c_str());
      stopped += std::chrono::duration<double, std::milli>(proof.stopped).count();
      searched += static_cast<double>(proof.bytes_searched) / (1 << 20);
    }
    state.counters["stopped_ms"] = benchmark::Counter(stopped, benchmark::Counter::kAvgIterations);
    state.counters["searched_MB"] =
        benchmark::Counter(searched, benchmark::Counter::kAvgIterations);
    end.close();
  });
}
BENCHMARK(prove)
    ->ArgNames({"goroutines", "MB"})
    ->Args({100, 0})
    ->Args({100'000, 0})
    ->Args({100, 100})
    ->Args({100, 1000})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::debug
