// SPDX-License-Identifier: Apache-2.0

// Many goroutines at once: what more processors should make faster, or at least not slower.

#include "bench/micro/harness.h"
#include "sluice/sync/mutex.h"

namespace bench {
namespace {

using sluice::Channel;

constexpr int goroutines = 64;

// Independent pairs: nothing is shared but the scheduler.
Samples pairs() {
  int64_t each = scaled(20'000);
  return parallel("chan_pairs", goroutines, goroutines * each, [each](int) {
    Channel<int64_t> ping, pong;
    sluice::go([ping, pong] {
      for (int64_t v : ping) pong.send(v);
      pong.close();
    });
    int64_t sum = 0;
    for (int64_t i = 0; i < each; ++i) {
      ping.send(i);
      sum += *pong.receive();
    }
    ping.close();
    SLUICE_ASSERT(sum == each * (each - 1) / 2);
  });
}

Samples fan_in() {
  int64_t each = scaled(20'000);
  Channel<int64_t> c{128};
  sluice::go([c, n = goroutines * each, each] {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += *c.receive();
    SLUICE_ASSERT(sum == goroutines * (each * (each - 1) / 2));
    c.close();
  });
  Samples samples = parallel("chan_fanin", goroutines, goroutines * each, [&](int) {
    for (int64_t i = 0; i < each; ++i) c.send(i);
  });
  c.receive();
  return samples;
}

Samples mutex() {
  int64_t each = scaled(30'000);
  sluice::sync::Mutex mutex;
  int64_t count = 0;
  Samples samples = parallel("mutex", goroutines, goroutines * each, [&](int) {
    for (int64_t i = 0; i < each; ++i) {
      mutex.lock();
      ++count;
      escape(&count);
      mutex.unlock();
    }
  });
  SLUICE_ASSERT(count == goroutines * each);
  return samples;
}

}  // namespace

void register_contention(Workloads& all) {
  all.push_back({"chan_pairs", pairs});
  all.push_back({"chan_fanin", fan_in});
  all.push_back({"mutex", mutex});
}

}  // namespace bench
