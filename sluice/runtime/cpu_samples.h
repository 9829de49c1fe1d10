// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/base/time.h"

namespace sluice::runtime {

// What threads were seen at, so and so often.
struct CpuSample {
  uint64_t count = 0;        // each stands for CpuSamples::period of CPU time
  char label[24] = {};       // of the goroutine: set_goroutine_name's
  uintptr_t created_by = 0;  // of the goroutine: return address into its creator; 0: none
  size_t frames_begin = 0;   // its part of CpuSamples::addresses
  size_t frames_count = 0;
};

struct CpuSamples {
  std::vector<CpuSample> samples;  // equal ones counted, in no order
  std::vector<uintptr_t> addresses;
  Duration period{};
  std::chrono::system_clock::time_point begin;
  Duration duration{};
  uint64_t lost = 0;             // samples that nobody had time to take in
  uint64_t threads_refused = 0;  // that are not sampled: the system has no more timers

  // As GoroutineDump::frames(): return addresses, innermost first; the place where the thread was
  // is that address plus one.
  std::span<const uintptr_t> frames(const CpuSample& sample) const {
    return std::span(addresses).subspan(sample.frames_begin, sample.frames_count);
  }
};

// Begins to sample what uses the CPU: each thread of the process, the runtime's or not, at every
// `period` of CPU time that it uses; a thread that begins meanwhile from its start if it is the
// runtime's, otherwise from a tenth of a second after it. What sleeps costs nothing. One at a time.
// Threads are interrupted by SIGPROF (internal/cpu_signal.h says how that is safe, and which calls
// see it); one that blocks this signal is sampled when it unblocks it. Memory: 2 to 66 KB for each
// sample of the last 50 ms, and a record for each different stack.
// Thread-safety: any thread, any goroutine.
// Errors: failed_precondition: it has begun already; resource_exhausted: no memory or no thread.
Result<void> start_cpu_samples(Duration period = std::chrono::milliseconds(10));

// How often a thread was seen so far. On a busy machine that may be seldom, each time for many
// periods: Linux looks at these timers when its clock ticks and the thread happens to run, so that
// with many others for a CPU a tenth of a second of CPU time may pass without a sample.
uint64_t cpu_samples_so_far();

// Ends it. Waits for a thread, for some milliseconds. Called once for each start, by anybody.
CpuSamples stop_cpu_samples();

}  // namespace sluice::runtime
