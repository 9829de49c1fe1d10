// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/base/time.h"
#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/sync/wait_group.h"

namespace bench {

// What one repetition of a workload yields, each figure per op. Negative: not measured.
struct Sample {
  std::string name;
  double ns;
  double cpu;
  double allocs;
  double bytes = -1;
};
using Samples = std::vector<Sample>;

struct Workload {
  std::string name;  // workload or workload@variant, see bench/README.md
  std::function<Samples()> run;
  bool once = false;  // runs once in a process and without warm-up: it measures memory
};
using Workloads = std::vector<Workload>;

void register_sched(Workloads& all);
void register_chans(Workloads& all);
void register_timers(Workloads& all);
void register_pools(Workloads& all);
void register_maps(Workloads& all);
void register_contention(Workloads& all);

// A count of operations, scaled by the command line.
int64_t scaled(int64_t n);
// The processors of the runtime, and the goroutines of the workloads that use all of them.
int procs();
int64_t resident_bytes();

// Wall time, CPU time and allocations from construction to stop().
class Stopwatch {
 public:
  Stopwatch();
  Samples stop(std::string_view name, int64_t ops) const;

 private:
  uint64_t allocs_;
  double cpu_;
  sluice::Instant wall_;
};

// Heap allocations so far; negative unless the program was linked with allocation_count.cc.
int64_t allocations();

// A xorshift generator, the same in every language here.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 0x1234567) {}
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_;
};

// Makes the compiler believe that the object at `at` is read and changed elsewhere.
inline void escape(void* at) { asm volatile("" : : "g"(at) : "memory"); }

// Times body(id) in n goroutines that are released together.
template <class Body>
Samples parallel(std::string_view name, int n, int64_t ops, Body body) {
  sluice::Channel<sluice::Unit> gate;
  sluice::sync::WaitGroup done;
  for (int id = 0; id < n; ++id) {
    done.go([&, id] {
      gate.receive();
      body(id);
    });
  }
  sluice::yield();
  Stopwatch watch;
  gate.close();
  done.wait();
  return watch.stop(name, ops);
}

}  // namespace bench
