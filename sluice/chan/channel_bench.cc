// SPDX-License-Identifier: Apache-2.0

// The workloads of bench/peers: one op is what the rivals' programs of the same name count.
// allocs/op counts calls of operator new in the whole process, in a run of its own.

#include "sluice/chan/channel.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/chan/select.h"
#include "sluice/heap/alloc_scope.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

// Runs `body` for n operations, in twenty parts, as a goroutine of a Runtime with range(0)
// processors; starting the scheduler is not measured. best_ns is the fastest part: compare by it
// on a busy machine.
template <class Body>
void measure(benchmark::State& state, size_t n, Body body) {
  Runtime runtime{{.max_procs = int(state.range(0))}};
  size_t part = n / 20;
  runtime.block_on([&] { body(part); });
  double best = 1e9;
  for (auto _ : state) {
    Instant start = now();
    runtime.block_on([&] { body(part); });
    double seconds = std::chrono::duration<double>(now() - start).count() / double(part);
    state.SetIterationTime(seconds);
    best = std::min(best, seconds * 1e9);
  }
  state.counters["best_ns"] = best;
  heap::AllocScope allocs{heap::AllocScope::Of::process};
  runtime.block_on([&] { body(part); });
  state.counters["allocs/op"] = double(allocs.objects()) / double(part);
}

// op = one round trip (two messages) between two goroutines.
void unbuffered_round_trip(benchmark::State& state) {
  measure(state, 1'000'000, [](size_t n) {
    Channel<int> there, back;
    go([=] {
      for (int value : there) back.send(value);
      back.close();
    });
    for (size_t i = 0; i < n; ++i) {
      there.send(int(i));
      benchmark::DoNotOptimize(back.receive());
    }
    there.close();
  });
}

void transfer(size_t n, size_t producers, size_t consumers, size_t capacity) {
  Channel<int> channel{capacity};
  Channel<size_t> received{consumers};
  Channel<Unit> sent{producers};
  for (size_t p = 0; p < producers; ++p)
    go([=] {
      for (size_t i = 0; i < n / producers; ++i) channel.send(int(i));
      sent.send({});
    });
  for (size_t c = 0; c < consumers; ++c)
    go([=] {
      size_t count = 0;
      for (int value : channel) {
        benchmark::DoNotOptimize(value);
        ++count;
      }
      received.send(count);
    });
  for (size_t p = 0; p < producers; ++p) sent.receive();
  channel.close();
  size_t total = 0;
  for (size_t c = 0; c < consumers; ++c) total += *received.receive();
  if (total != n / producers * producers) std::abort();
}

// op = one item handed over; one producer, one consumer, capacity 128.
void buffered_128(benchmark::State& state) {
  measure(state, 5'000'000, [](size_t n) { transfer(n, 1, 1, 128); });
}

// op = one item handed over; 8 producers, 8 consumers, capacity 128.
void mpmc_8x8(benchmark::State& state) {
  measure(state, 4'000'000, [](size_t n) { transfer(n, 8, 8, 128); });
}

// op = one send and one receive in the same goroutine.
void uncontended(benchmark::State& state) {
  measure(state, 10'000'000, [](size_t n) {
    Channel<int> channel{128};
    int sum = 0;
    for (size_t i = 0; i < n; ++i) {
      channel.send(int(i));
      sum += *channel.receive();
    }
    benchmark::DoNotOptimize(sum);
  });
}

// op = one item; one sender to a random one of 4 unbuffered channels, one select over the four.
void select_of_4(benchmark::State& state) {
  measure(state, 1'000'000, [](size_t n) {
    std::vector<Channel<int>> c(4);
    go([=] {
      uint64_t random = 7;
      for (size_t i = 0; i < n; ++i) {
        random = random * 6364136223846793005 + 1442695040888963407;
        c[random >> 33 & 3].send(int(i));
      }
    });
    long sum = 0;
    auto add = [&](int value) { sum += value; };
    for (size_t i = 0; i < n; ++i)
      select(on_receive(c[0], add), on_receive(c[1], add), on_receive(c[2], add),
             on_receive(c[3], add));
    benchmark::DoNotOptimize(sum);
  });
}

// op = one item; 4 senders, each on an unbuffered channel of its own.
void select_of_4_senders(benchmark::State& state) {
  measure(state, 1'000'000, [](size_t n) {
    n = n / 4 * 4;
    std::vector<Channel<int>> c(4);
    for (auto& channel : c)
      go([=] {
        for (size_t i = 0; i < n / 4; ++i) channel.send(int(i));
      });
    long sum = 0;
    auto add = [&](int value) { sum += value; };
    for (size_t i = 0; i < n; ++i)
      select(on_receive(c[0], add), on_receive(c[1], add), on_receive(c[2], add),
             on_receive(c[3], add));
    benchmark::DoNotOptimize(sum);
  });
}

// op = one non-blocking receive attempt on an empty channel.
void select_with_default(benchmark::State& state) {
  measure(state, 50'000'000, [](size_t n) {
    Channel<int> channel;
    size_t missed = 0;
    for (size_t i = 0; i < n; ++i)
      select(on_receive(channel, [](int value) { benchmark::DoNotOptimize(value); }),
             on_default([&] { ++missed; }));
    benchmark::DoNotOptimize(missed);
  });
}

// op = one non-blocking select over 4 empty channels.
void select_of_4_with_default(benchmark::State& state) {
  measure(state, 10'000'000, [](size_t n) {
    std::vector<Channel<int>> c;
    for (int i = 0; i < 4; ++i) c.push_back(Channel<int>{1});
    auto use = [](int value) { benchmark::DoNotOptimize(value); };
    for (size_t i = 0; i < n; ++i)
      select(on_receive(c[0], use), on_receive(c[1], use), on_receive(c[2], use),
             on_receive(c[3], use), on_default());
  });
}

// op = one select that waits with a timeout and is served in time.
void select_with_timeout(benchmark::State& state) {
  measure(state, 500'000, [](size_t n) {
    Channel<int> there, back;
    go([=] {
      for (int value : there) back.send(value);
    });
    for (size_t i = 0; i < n; ++i) {
      there.send(int(i));
      select(on_receive(back, [](int value) { benchmark::DoNotOptimize(value); }),
             on_timeout(std::chrono::seconds(10), [] { std::abort(); }));
    }
    there.close();
  });
}

// op = one channel made and dropped.
void make_and_drop(benchmark::State& state) {
  measure(state, 5'000'000, [](size_t n) {
    for (size_t i = 0; i < n; ++i) benchmark::DoNotOptimize(Channel<int>{8});
  });
}

#define SLUICE_CHANNEL_BENCH(name) BENCHMARK(name)->Arg(1)->Arg(2)->Iterations(20)->UseManualTime()
SLUICE_CHANNEL_BENCH(unbuffered_round_trip);
SLUICE_CHANNEL_BENCH(buffered_128);
SLUICE_CHANNEL_BENCH(mpmc_8x8);
SLUICE_CHANNEL_BENCH(uncontended);
SLUICE_CHANNEL_BENCH(select_of_4);
SLUICE_CHANNEL_BENCH(select_of_4_senders);
SLUICE_CHANNEL_BENCH(select_with_default);
SLUICE_CHANNEL_BENCH(select_of_4_with_default);
SLUICE_CHANNEL_BENCH(select_with_timeout);
SLUICE_CHANNEL_BENCH(make_and_drop);

}  // namespace
}  // namespace sluice
