// SPDX-License-Identifier: Apache-2.0

// Function beside the standard library's owners of callables: making one of a closure, moving it on
// (as a run queue does), calling and destroying it.

#include "sluice/base/function.h"

#include <array>
#include <functional>

#include <benchmark/benchmark.h>

#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

// Makes, moves twice, calls and destroys an owner of a closure of `bytes`.
template <class Owner, size_t bytes>
void make_move_call(benchmark::State& state) {
  std::array<char, bytes> payload{};
  auto once = [&payload] {
    benchmark::DoNotOptimize(payload);
    Owner first = [payload] { return static_cast<int>(payload[0]) + payload[bytes - 1]; };
    Owner second = std::move(first);
    Owner third;
    third = std::move(second);
    benchmark::DoNotOptimize(third());
  };
  for (auto _ : state) once();
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  once();
  state.counters["allocs/op"] = static_cast<double>(allocs.objects());
}

template <class Owner>
void call(benchmark::State& state) {
  int base = 1;
  Owner owner = [&base](int n) { return base + n; };
  for (auto _ : state) {
    benchmark::DoNotOptimize(owner);
    benchmark::DoNotOptimize(owner(2));
  }
}

[[gnu::noinline]] int apply(FunctionRef<int(int)> fn) { return fn(2); }
[[gnu::noinline]] int apply_std(const std::function<int(int)>& fn) { return fn(2); }

void pass_function_ref(benchmark::State& state) {
  int a = 1, b = 2, c = 3;
  for (auto _ : state) {
    benchmark::DoNotOptimize(a);
    benchmark::DoNotOptimize(apply([&a, &b, &c](int n) { return a + b + c + n; }));
  }
}

void pass_std_function(benchmark::State& state) {
  int a = 1, b = 2, c = 3;
  for (auto _ : state) {
    benchmark::DoNotOptimize(a);
    benchmark::DoNotOptimize(apply_std([&a, &b, &c](int n) { return a + b + c + n; }));
  }
}

using Ours = Function<int()>;
using Copyable = std::function<int()>;
using MoveOnly = std::move_only_function<int()>;

BENCHMARK(make_move_call<Ours, 8>)->Name("make, move, call 8 B/Function");
BENCHMARK(make_move_call<Copyable, 8>)->Name("make, move, call 8 B/std::function");
BENCHMARK(make_move_call<MoveOnly, 8>)->Name("make, move, call 8 B/std::move_only_function");
BENCHMARK(make_move_call<Ours, 48>)->Name("make, move, call 48 B/Function");
BENCHMARK(make_move_call<Copyable, 48>)->Name("make, move, call 48 B/std::function");
BENCHMARK(make_move_call<MoveOnly, 48>)->Name("make, move, call 48 B/std::move_only_function");
BENCHMARK(make_move_call<Ours, 96>)->Name("make, move, call 96 B/Function");
BENCHMARK(make_move_call<MoveOnly, 96>)->Name("make, move, call 96 B/std::move_only_function");
BENCHMARK(call<Function<int(int)>>)->Name("call/Function");
BENCHMARK(call<std::function<int(int)>>)->Name("call/std::function");
BENCHMARK(call<std::move_only_function<int(int)>>)->Name("call/std::move_only_function");
BENCHMARK(pass_function_ref)->Name("pass to a function/FunctionRef");
BENCHMARK(pass_std_function)->Name("pass to a function/std::function");

}  // namespace
}  // namespace sluice
