// SPDX-License-Identifier: Apache-2.0

// Three programs that something is wrong with, for docs/schedtrace.md: run it with
// SLUICE_DEBUG=schedtrace=200 and the name of one of them and a number of milliseconds.

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sluice/runtime/go.h"
#include "sluice/runtime/metrics.h"
#include "sluice/runtime/runtime.h"

using namespace std::chrono_literals;

namespace {

std::atomic<bool> stop{false};

// One chain of work: each step starts the next, so one processor works and the others have nothing.
void starved() {
  if (!stop) sluice::go(starved);
}

// Handlers that compute, and more of them than there are processors: the rest stands in the queues.
void hogged() {
  for (int i = 0; i < 60; ++i)
    sluice::go([] {
      while (!stop) {
        const sluice::Instant begin = sluice::now();
        while (sluice::now() - begin < 50ms) continue;
        sluice::yield();
      }
    });
}

// A call that blocks for long, a few times in a second: each keeps a thread, and no one returns.
void leaking() {
  while (!stop) {
    sluice::go([] { sluice::blocking([] { usleep(3'000'000); }); });
    sluice::sleep_for(100ms);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view scene = argc > 1 ? argv[1] : "starved";
  const std::chrono::milliseconds length{argc > 2 ? std::atoi(argv[2]) : 20};
  sluice::Runtime runtime{{.max_procs = 4}};
  sluice::go(scene == "hogged" ? hogged : scene == "leaking" ? leaking : starved);
  runtime.block_on([length] { sluice::sleep_for(length); });
  const sluice::RuntimeMetrics metrics = sluice::runtime_metrics();
  std::printf("%llu turns, %u threads, %llu handoffs\n",
              static_cast<unsigned long long>(metrics.context_switches), metrics.threads,
              static_cast<unsigned long long>(metrics.handoffs));
  stop = true;
  return 0;
}
