// SPDX-License-Identifier: Apache-2.0

// What a trace costs while it is on (argument 1) beside the same work without (0), and writing it.

#include "sluice/debug/execution_trace.h"

#include <cstddef>
#include <optional>
#include <string_view>

#include <benchmark/benchmark.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/trace_region.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

constexpr int batch = 100'000;

// Times `body()`, which does `batch` operations, once an iteration, each in a trace of its own.
template <class Body>
void measure(benchmark::State& state, Body body) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    for (auto _ : state) {
      state.PauseTiming();
      std::optional<ExecutionTrace> trace;
      if (state.range(0) != 0) trace.emplace(ExecutionTrace::start().value());
      state.ResumeTiming();
      body();
      state.PauseTiming();
      trace.reset();
      state.ResumeTiming();
    }
  });
  state.SetItemsProcessed(state.iterations() * batch);
}

void yields(benchmark::State& state) {
  measure(state, [] {
    Channel<Unit> done(2);
    for (int i = 0; i < 2; ++i) {
      go([done] {
        for (int j = 0; j < batch / 2; ++j) yield();
        done.send({});
      });
    }
    for (int i = 0; i < 2; ++i) done.receive();
  });
}
BENCHMARK(yields)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void spawns(benchmark::State& state) {
  measure(state, [] {
    Channel<Unit> done(batch);
    for (int i = 0; i < batch; ++i) go([&done] { done.send({}); });
    for (int i = 0; i < batch; ++i) done.receive();
  });
}
BENCHMARK(spawns)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void round_trips(benchmark::State& state) {
  measure(state, [] {
    Channel<int> there;
    Channel<int> back;
    go([there, back] {
      for (int i = 0; i < batch; ++i) back.send(there.receive().value_or(0));
    });
    for (int i = 0; i < batch; ++i) {
      there.send(i);
      back.receive();
    }
  });
}
BENCHMARK(round_trips)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void regions(benchmark::State& state) {
  measure(state, [] {
    for (int i = 0; i < batch; ++i) {
      TraceRegion region("region");
      benchmark::ClobberMemory();
    }
  });
}
BENCHMARK(regions)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void write(benchmark::State& state) {
  size_t bytes = 0;
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    ExecutionTrace trace = ExecutionTrace::start().value();
    while (!trace.is_full()) yield();
    for (auto _ : state) {
      trace.write([&](std::string_view piece) {
        bytes += piece.size();
        return true;
      });
    }
  });
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["file_mb"] =
      static_cast<double>(bytes) / static_cast<double>(state.iterations()) / 1e6;
}
BENCHMARK(write)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::debug
