// SPDX-License-Identifier: Apache-2.0

// Fairness without colour: whatever a goroutine does with its thread, the others go on, on one
// processor too. Every test would hang, not merely be slow, if they did not.

#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Blocks the goroutine or thread that made it until `count` calls of done().
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void done() {
    runtime::G* waiter = waiter_;
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) runtime::ready(waiter);
  }
  void wait() { runtime::park(runtime::WaitReason::wait_group); }

 private:
  std::atomic<int> left_;
  runtime::G* waiter_ = runtime::current();
};

// A pipe in its default, blocking mode.
struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void read_byte() {
    char byte;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  }
  void write_byte() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  int ends[2];
};

// Goroutines that loop without calling anything, until the end of scope.
class Hogs {
 public:
  explicit Hogs(int count) : ended_(count), spinning_(count) {
    for (int i = 0; i < count; ++i)
      go([this] {
        spinning_.done();
        while (!stop_.load(std::memory_order_relaxed)) {
        }
        ended_.done();
      });
    spinning_.wait();
  }
  ~Hogs() {
    stop_.store(true, std::memory_order_relaxed);
    ended_.wait();
  }

 private:
  std::atomic<bool> stop_{false};
  Countdown ended_;
  Countdown spinning_;
};

class Hog : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Hog, testing::Values(1, 2));

TEST_P(Hog, TwoLoopsAndABlockedReadDoNotStopATicker) {
  Runtime runtime{{.max_procs = GetParam()}};
  Pipe pipe;
  runtime.block_on([&] {
    Countdown reader(1);
    go([&] {
      pipe.read_byte();
      reader.done();
    });
    int ticks = 0;
    {
      Hogs hogs(2);
      for (; ticks < 50; ++ticks) sleep_for(milliseconds(1));
    }
    EXPECT_EQ(ticks, 50);
    pipe.write_byte();
    reader.wait();
  });
}

TEST_P(Hog, AForeignThreadSpawnsWhileGoroutinesLoop) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    Hogs hogs(2);
    Countdown spawned(10);
    std::thread foreign([&] {
      for (int i = 0; i < 10; ++i) go([&] { spawned.done(); });
    });
    spawned.wait();
    foreign.join();
  });
}

TEST_P(Hog, GoroutinesThatLoopedGoOnAfterTheirProcessorWasTaken) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    constexpr int count = 4;
    Countdown all(count);
    std::atomic<int> turn = 0;
    // Each loops until the others did their part, so every one loses its processor in between.
    for (int i = 0; i < count; ++i)
      go([&, i] {
        for (int round = 0; round < 3; ++round) {
          while (turn.load(std::memory_order_acquire) != round * count + i) {
          }
          turn.fetch_add(1, std::memory_order_acq_rel);
          yield();
        }
        all.done();
      });
    all.wait();
    EXPECT_EQ(turn, 3 * count);
  });
}

TEST_P(Hog, AMutexMayBeHeldAcrossAPark) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    std::mutex mutex;
    int inside = 0;
    int rounds = 0;
    Countdown both(2);
    for (int i = 0; i < 2; ++i)
      go([&] {
        for (int j = 0; j < 20; ++j) {
          std::lock_guard lock(mutex);
          EXPECT_EQ(++inside, 1);
          sleep_for(milliseconds(1));
          --inside;
          ++rounds;
        }
        both.done();
      });
    both.wait();
    EXPECT_EQ(rounds, 40);
  });
}

TEST_P(Hog, ABlockedReadIsEndedByAnotherGoroutine) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    Pipe there;
    Pipe back;
    Countdown echo(1);
    go([&] {
      for (int i = 0; i < 20; ++i) {
        there.read_byte();
        back.write_byte();
      }
      echo.done();
    });
    for (int i = 0; i < 20; ++i) {
      there.write_byte();
      back.read_byte();
    }
    echo.wait();
  });
}

TEST_P(Hog, MarkedAndUnmarkedBlockingMix) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    constexpr int count = 16;
    Pipe pipe;
    Countdown all(count);
    for (int i = 0; i < count; ++i)
      go([&, i] {
        if (i % 2 == 0)
          blocking([&] { pipe.read_byte(); });
        else
          pipe.read_byte();
        all.done();
      });
    for (int i = 0; i < count; ++i) {
      sleep_for(milliseconds(1));
      pipe.write_byte();
    }
    all.wait();
  });
}

TEST_P(Hog, GetaddrinfoRunsOnAGoroutine) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    Countdown all(4);
    for (int i = 0; i < 4; ++i)
      go([&] {
        addrinfo* found = nullptr;
        int error = ::getaddrinfo("localhost", "80", nullptr, &found);
        EXPECT_EQ(error, 0) << ::gai_strerror(error);
        if (found != nullptr) ::freeaddrinfo(found);
        all.done();
      });
    all.wait();
  });
}

TEST(HogShutdown, TheRuntimeStopsWhileAGoroutineLoops) {
  static std::atomic<bool> stop;
  static std::atomic<bool> ended;
  stop = ended = false;
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      Countdown looping(1);
      go([&looping] {
        looping.done();
        while (!stop.load(std::memory_order_relaxed)) {
        }
        ended.store(true, std::memory_order_relaxed);
      });
      looping.wait();
    });
  }
  // Abandoned: its own code runs on, and its thread sleeps for ever when it comes back.
  stop = true;
  while (!ended.load(std::memory_order_relaxed)) std::this_thread::yield();
}

}  // namespace
}  // namespace sluice
