// SPDX-License-Identifier: Apache-2.0

// No function has a colour: with one processor, a goroutine that loops for ever and one that sits
// in a C library call do not keep a third from its ticks.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>

#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

using namespace std::chrono_literals;

int main() {
  sluice::Runtime runtime{{.max_procs = 1}};
  return runtime.block_on([] {
    static std::atomic<bool> stop{false};
    static std::atomic<int> running{2};
    sluice::go([] {
      while (!stop) continue;  // never calls into sluice
      --running;
    });
    sluice::go([] {
      usleep(50'000);  // blocks its thread in the kernel, and sluice is not told
      --running;
    });

    sluice::Duration latest{};
    for (int tick = 0; tick < 20; ++tick) {
      const sluice::Instant due = sluice::now() + 1ms;
      sluice::sleep_until(due);
      latest = std::max(latest, sluice::now() - due);
    }
    std::printf("20 ticks of 1 ms beside them; the latest was %.1f ms late\n",
                latest.count() / 1e6);
    stop = true;
    while (running > 0) sluice::sleep_for(1ms);
    return 0;
  });
}
