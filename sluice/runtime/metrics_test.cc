// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/latency.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/timer.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// The first metrics from now on of which `holds` is true.
template <class Holds>
RuntimeMetrics wait_until(Holds holds) {
  for (;;) {
    RuntimeMetrics metrics = runtime_metrics();
    if (holds(metrics)) return metrics;
    std::this_thread::yield();
  }
}

// Of one moment, unlike goroutines_waiting: that also counts who is between two of the sums.
bool one_waits(runtime::WaitReason reason) {
  return std::ranges::any_of(runtime::capture_goroutines().goroutines, [&](auto& goroutine) {
    return goroutine.state == runtime::GoroutineState::waiting && goroutine.wait_reason == reason;
  });
}

// Goroutines that wait until ready() or the end of scope.
class Parked {
 public:
  explicit Parked(size_t count) : waiters_(count) {
    for (auto& waiter : waiters_)
      go([this, &waiter] {
        waiter.store(runtime::current());
        runtime::park(runtime::WaitReason::cond);
        ++ended_;
      });
    for (auto& waiter : waiters_)
      while (waiter.load() == nullptr) std::this_thread::yield();
  }
  ~Parked() {
    for (auto& waiter : waiters_) runtime::ready(waiter.load());
    while (ended_ != waiters_.size()) std::this_thread::yield();
  }

 private:
  std::vector<std::atomic<runtime::G*>> waiters_;
  std::atomic<size_t> ended_{0};
};

// Runs `body` on the only processor while the only other thread is blocked, so that the processor
// stays with it whatever it does.
template <class Body>
void run_alone(Body body) {
  Runtime runtime{{.max_procs = 1, .threads_max = 2}};
  std::atomic<bool> ended = false;
  runtime.block_on([&] {
    go([&] {
      body();
      ended = true;
    });
    blocking([&] {
      while (!ended) std::this_thread::yield();
    });
  });
}

TEST(RuntimeMetrics, AreZeroWithoutARuntime) {
  {
    Runtime runtime{{.max_procs = 2}};
  }
  RuntimeMetrics metrics = runtime_metrics();
  EXPECT_EQ(metrics.processors, 0u);
  EXPECT_EQ(metrics.threads, 0u);
  EXPECT_EQ(metrics.context_switches, 0u);
  EXPECT_EQ(metrics.stacks_in_use, 0u);
  EXPECT_TRUE(metrics.run_queue_lengths.empty());
  EXPECT_EQ(metrics.scheduling_latency.count, 0u);
}

TEST(RuntimeMetrics, CountGoroutinesThatWait) {
  Runtime runtime{{.max_procs = 2}};
  RuntimeMetrics before = runtime_metrics();
  {
    Parked parked(100);
    RuntimeMetrics metrics = wait_until([&](auto& now) {
      return now.goroutines_waiting == before.goroutines_waiting + 100 && now.processors_idle == 2;
    });
    EXPECT_EQ(metrics.goroutines, before.goroutines + 100);
    EXPECT_EQ(metrics.goroutines, num_goroutines());
    EXPECT_EQ(metrics.goroutines_started, before.goroutines_started + 100);
    EXPECT_EQ(metrics.goroutines_ended, before.goroutines_ended);
    EXPECT_EQ(metrics.goroutines_running, 0u);
    EXPECT_EQ(metrics.goroutines_runnable, 0u);
    EXPECT_GE(metrics.stacks_in_use, 100u);
    EXPECT_GE(metrics.stack_bytes, size_t{256} << 10);
    EXPECT_GE(metrics.context_switches, 100u);
  }
  RuntimeMetrics metrics = wait_until([&](auto& now) {
    return now.goroutines_ended == before.goroutines_ended + 100 && now.processors_idle == 2;
  });
  EXPECT_EQ(metrics.goroutines, before.goroutines);
  EXPECT_GE(metrics.stacks_cached, 100u);
}

TEST(RuntimeMetrics, CountArmedTimers) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    std::array<runtime::Timer, 10> timers;
    for (auto& timer : timers) timer.start(Instant::max(), [](void*, uint64_t) {}, nullptr, 0);
    EXPECT_EQ(runtime_metrics().timers_armed, 10u);
    for (auto& timer : timers) EXPECT_TRUE(timer.stop());
    EXPECT_EQ(runtime_metrics().timers_armed, 0u);
  });
}

TEST(RuntimeMetrics, ShowWhatIsQueuedBehindALoop) {
  run_alone([] {
    std::atomic<int> ran = 0;
    for (int i = 0; i < 5; ++i) go([&] { ++ran; });
    RuntimeMetrics metrics = runtime_metrics();
    EXPECT_EQ(metrics.run_queue_lengths, std::vector<uint32_t>{5});
    EXPECT_EQ(metrics.goroutines_runnable, 5u);
    EXPECT_EQ(metrics.goroutines_running, 1u);
    EXPECT_EQ(metrics.goroutines_without_processor, 1u);
    EXPECT_EQ(metrics.processors, 1u);
    EXPECT_EQ(metrics.processors_idle, 0u);
    EXPECT_EQ(metrics.threads, 3u);
    EXPECT_EQ(metrics.threads_idle, 0u);
    EXPECT_EQ(metrics.handoffs, 1u);
    while (ran != 5) yield();
  });
}

TEST(RuntimeMetrics, StealsGrow) {
  Runtime runtime{{.max_procs = 2}};
  uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    // One that loops beside what it has spawned: a thief gets that, or sysmon moves it on.
    uint64_t after = before;
    while (after == before)
      runtime.block_on([&] {
        std::atomic<int> ran = 0;
        for (int j = 0; j < 10; ++j) go([&] { ++ran; });
        while (ran != 10) {
        }
        after = runtime_metrics().steals;
        EXPECT_GE(after, before);
      });
    before = after;
  }
}

TEST(RuntimeMetrics, CountRetakesAmongTheHandoffs) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<bool> ran = false;
    go([&] { ran = true; });
    while (!ran) {  // only when the processor is taken from here
    }
    RuntimeMetrics metrics = runtime_metrics();
    EXPECT_GE(metrics.retakes, 1u);
    uint64_t handoffs = metrics.handoffs;
    EXPECT_GE(handoffs, metrics.retakes);
    blocking([] {});
    EXPECT_GE(runtime_metrics().handoffs, handoffs + 1);
  });
}

TEST(RuntimeMetrics, CountDescriptorsAndWhoWaitsForThem) {
  Runtime runtime{{.max_procs = 1}};
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  runtime.block_on([&] {
    runtime::PollDesc reader;
    uint32_t descriptors = runtime_metrics().netpoll_descriptors;
    ASSERT_TRUE(reader.open(ends[0]).has_value());
    EXPECT_EQ(runtime_metrics().netpoll_descriptors, descriptors + 1);
    std::thread writer([&] {
      while (!one_waits(runtime::WaitReason::io_wait)) std::this_thread::yield();
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
    });
    EXPECT_TRUE(reader.wait_read().has_value());
    writer.join();
    EXPECT_GE(runtime_metrics().netpoll_readied, 1u);
    EXPECT_GE(runtime_metrics().netpoll_wakeups, 1u);
    reader.close();
    EXPECT_EQ(runtime_metrics().netpoll_descriptors, descriptors);
  });
  ::close(ends[0]);
  ::close(ends[1]);
}

uint64_t sum_of_buckets(const WaitHistogram& histogram) {
  return std::accumulate(histogram.buckets.begin(), histogram.buckets.end(), histogram.longer,
                         [](uint64_t sum, auto& bucket) { return sum + bucket.count; });
}

// What is drawn counts for all since the one drawn before, whatever the interval was.
constexpr uint64_t interval_max = runtime::LatencySampler::sparse;

TEST(SchedulingLatency, TheSampleStandsForAllTurns) {
  run_alone([] {
    constexpr uint64_t turns = interval_max * 20;
    uint64_t before = runtime_metrics().scheduling_latency.count;
    for (uint64_t i = 0; i < turns; ++i) yield();
    WaitHistogram histogram = runtime_metrics().scheduling_latency;
    EXPECT_GE(histogram.count, before + turns - interval_max);
    EXPECT_LE(histogram.count, before + turns + interval_max);
    EXPECT_EQ(sum_of_buckets(histogram), histogram.count);
    EXPECT_GT(histogram.sum, Duration::zero());
  });
}

TEST(SchedulingLatency, CountsTheWholeWaitBehindALoop) {
  run_alone([] {
    std::atomic<uint64_t> ran = 0;
    for (uint64_t i = 0; i < 2 * interval_max; ++i) go([&] { ++ran; });
    Instant begin = now();
    while (now() - begin < milliseconds(5)) {
    }
    while (ran != 2 * interval_max) yield();
    WaitHistogram histogram = runtime_metrics().scheduling_latency;
    uint64_t long_ones = histogram.longer;
    for (auto& bucket : histogram.buckets)
      if (bucket.longest > milliseconds(5)) long_ones += bucket.count;
    EXPECT_GE(long_ones, interval_max);
    EXPECT_GE(histogram.sum, milliseconds(5) * interval_max);
  });
}

TEST(SchedulingLatency, IsKeptThroughAStealAndTheGlobalQueue) {
  Runtime runtime{{.max_procs = 2}};
  constexpr uint64_t count = 4 * interval_max;
  uint64_t before = runtime_metrics().scheduling_latency.count;
  std::atomic<uint64_t> ran = 0;
  Instant begin = now();
  for (uint64_t i = 0; i < count; ++i) go([&] { ++ran; });  // from a thread: all of it global
  while (ran != count) std::this_thread::yield();
  WaitHistogram histogram = runtime_metrics().scheduling_latency;
  EXPECT_GE(histogram.count, before + count - interval_max);
  EXPECT_LE(histogram.sum, (now() - begin) * static_cast<int64_t>(histogram.count));
}

TEST(RuntimeMetrics, AreReadWhileRuntimesComeAndGo) {
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      RuntimeMetrics metrics = runtime_metrics();
      EXPECT_TRUE(metrics.processors == 0 || metrics.processors == 2);
      EXPECT_EQ(metrics.run_queue_lengths.size(), metrics.processors);
    }
  });
  for (int i = 0; i < 20; ++i) {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([] {
      for (int j = 0; j < 10; ++j) go([] { yield(); });
      while (num_goroutines() > 1 && runtime_metrics().goroutines_runnable != 0) yield();
    });
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace sluice
