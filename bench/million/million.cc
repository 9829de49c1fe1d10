// SPDX-License-Identifier: Apache-2.0

// How much a parked goroutine costs: bench_million [COUNT [GUARD [PROCESSORS]]]
// GUARD is automatic (default), madvise, mprotect or none. Starts goroutines until there are COUNT
// or no more can be had, lets them all park, and prints what they hold and what the error said.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "sluice/base/assert.h"
#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace {

using sluice::Duration;
using sluice::StackGuard;

// What the kernel keeps for this process.
struct Footprint {
  int64_t resident_bytes = 0;
  int64_t page_table_bytes = 0;
  int64_t mappings = 0;

  static Footprint now() {
    Footprint footprint;
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      std::istringstream words(line);
      std::string key;
      int64_t kib = 0;
      words >> key >> kib;
      if (key == "VmRSS:") footprint.resident_bytes = kib * 1024;
      if (key == "VmPTE:") footprint.page_table_bytes = kib * 1024;
    }
    std::ifstream maps("/proc/self/maps");
    footprint.mappings =
        std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n');
    return footprint;
  }
};

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(sluice::now() - start_).count(); }

 private:
  sluice::Instant start_ = sluice::now();
};

StackGuard parse_guard(std::string_view text) {
  if (text == "automatic") return StackGuard::automatic;
  if (text == "madvise") return StackGuard::madvise;
  if (text == "mprotect") return StackGuard::mprotect;
  SLUICE_ASSERT(text == "none", "the guard is automatic, madvise, mprotect or none");
  return StackGuard::none;
}

// Starts up to `wanted` goroutines that wait for `gate`; says how many there are.
int64_t start_all(int64_t wanted, const sluice::Channel<sluice::Unit>& gate,
                  std::atomic<int64_t>& parked, sluice::sync::WaitGroup& done) {
  for (int64_t i = 0; i < wanted; ++i) {
    done.add();
    auto started = sluice::try_go([&] {
      parked.fetch_add(1, std::memory_order_relaxed);
      gate.receive();
      done.done();
    });
    if (!started) {
      done.done();
      std::printf("  no more after %ld: %s\n", long(i), started.error().to_string().c_str());
      return i;
    }
  }
  return wanted;
}

void report(int64_t wanted) {
  sluice::Channel<sluice::Unit> gate;
  std::atomic<int64_t> parked{0};
  sluice::sync::WaitGroup done;
  Footprint before = Footprint::now();
  Stopwatch spawning;
  int64_t n = start_all(wanted, gate, parked, done);
  while (parked.load(std::memory_order_relaxed) != n) sluice::yield();
  double spawn_seconds = spawning.seconds();
  Footprint with = Footprint::now();
  Stopwatch waking;
  gate.close();
  done.wait();
  double join_seconds = waking.seconds();

  auto each = [n](int64_t bytes) { return double(bytes) / double(n); };
  std::printf("  goroutines parked   %12ld\n", long(n));
  std::printf("  resident bytes each %12.1f\n", each(with.resident_bytes - before.resident_bytes));
  std::printf("  page table each     %12.1f\n",
              each(with.page_table_bytes - before.page_table_bytes));
  std::printf("  mappings (VMAs)     %12ld\n", long(with.mappings - before.mappings));
  std::printf("  spawn and park, s   %12.3f  (%.0f ns each)\n", spawn_seconds,
              spawn_seconds * 1e9 / double(n));
  std::printf("  wake and join, s    %12.3f  (%.0f ns each)\n", join_seconds,
              join_seconds * 1e9 / double(n));
}

}  // namespace

int main(int argc, char** argv) {
  int64_t wanted = argc > 1 ? std::atol(argv[1]) : 1'000'000;
  const char* guard = argc > 2 ? argv[2] : "automatic";
  int procs = argc > 3 ? std::atoi(argv[3]) : 1;
  std::printf("%ld goroutines, guard %s, P=%d\n", long(wanted), guard, procs);
  sluice::Runtime runtime{{.max_procs = procs, .stack_guard = parse_guard(guard)}};
  runtime.block_on([wanted] { report(wanted); });
}
