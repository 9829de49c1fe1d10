// SPDX-License-Identifier: Apache-2.0

// What an error costs that passes up through frames, as a value and thrown.

#include <stdexcept>
#include <string>

#include <benchmark/benchmark.h>

#include "sluice/base/result.h"
#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

constexpr ErrorSentinel cancelled{Code::cancelled, "context canceled"};

enum class How { succeed, sentinel, message, wrapped };

template <How how>
[[gnu::noinline]] Result<int> call(int depth) {
  benchmark::DoNotOptimize(depth);
  if (depth > 0) {
    if constexpr (how == How::wrapped) {
      Result<int> inner = call<how>(depth - 1);
      if (!inner) return wrap(std::move(inner).error(), "frame");
      return *inner + 1;
    } else {
      return SLUICE_TRY(call<how>(depth - 1)) + 1;
    }
  }
  if constexpr (how == How::succeed) return 1;
  if constexpr (how == How::sentinel) return cancelled;
  return Error(Code::not_found, "no row has that id in the table of payments");
}

[[gnu::noinline]] int call_throwing(int depth) {
  benchmark::DoNotOptimize(depth);
  if (depth > 0) return call_throwing(depth - 1) + 1;
  throw std::runtime_error("no row has that id in the table of payments");
}

template <How how>
void pass_up(benchmark::State& state) {
  auto once = [&state] {
    Result<int> result = call<how>(static_cast<int>(state.range(0)));
    benchmark::DoNotOptimize(result);
  };
  for (auto _ : state) once();
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  once();
  state.counters["allocs/op"] = static_cast<double>(allocs.objects());
}

void pass_up_exception(benchmark::State& state) {
  for (auto _ : state) {
    try {
      benchmark::DoNotOptimize(call_throwing(static_cast<int>(state.range(0))));
    } catch (const std::runtime_error& error) {
      benchmark::DoNotOptimize(error.what());
    }
  }
}

BENCHMARK(pass_up<How::succeed>)->Name("result/success")->Arg(3)->Arg(9);
BENCHMARK(pass_up<How::sentinel>)->Name("result/sentinel")->Arg(3)->Arg(9);
BENCHMARK(pass_up<How::message>)->Name("result/message")->Arg(3)->Arg(9);
BENCHMARK(pass_up<How::wrapped>)->Name("result/wrapped at each frame")->Arg(3)->Arg(9);
BENCHMARK(pass_up_exception)->Name("thrown")->Arg(3)->Arg(9);

}  // namespace
}  // namespace sluice
