// SPDX-License-Identifier: Apache-2.0

// What a dump of many parked goroutines costs: the capture alone, and each form of it.

#include <cstddef>
#include <string_view>

#include <benchmark/benchmark.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/goroutine_profile.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

[[gnu::noinline]] void wait_for_end(const Channel<Unit>& end) {
  end.receive();
  asm volatile("");
}

// Runs `body(dump)` for each iteration, while state.range(0) goroutines are parked. `capture` says
// whether each iteration takes a dump of its own.
template <class Body>
void measure(benchmark::State& state, bool capture, Body body) {
  size_t count = static_cast<size_t>(state.range(0));
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    Channel<Unit> end;
    for (size_t i = 0; i < count; ++i) go([end] { wait_for_end(end); });
    runtime::GoroutineDump dump;
    for (size_t parked = 0; parked != count; yield()) {
      dump = runtime::capture_goroutines();
      parked = 0;
      for (const runtime::Goroutine& goroutine : dump.goroutines)
        parked += goroutine.state == runtime::GoroutineState::waiting;
    }
    body(dump);  // loads the symbols
    for (auto _ : state) {
      if (capture) dump = runtime::capture_goroutines();
      body(dump);
    }
    end.close();
  });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void capture(benchmark::State& state) {
  measure(state, true, [](const runtime::GoroutineDump& dump) {
    benchmark::DoNotOptimize(dump.goroutines.data());
  });
}
BENCHMARK(capture)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void stacks(benchmark::State& state) {
  measure(state, false, [](const runtime::GoroutineDump& dump) {
    size_t bytes = 0;
    write_stacks(dump, [&bytes](std::string_view piece) {
      bytes += piece.size();
      return true;
    });
    benchmark::DoNotOptimize(bytes);
  });
}
BENCHMARK(stacks)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void profile(benchmark::State& state) {
  measure(state, false, [](const runtime::GoroutineDump& dump) {
    benchmark::DoNotOptimize(goroutine_profile(dump));
  });
}
BENCHMARK(profile)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::debug
