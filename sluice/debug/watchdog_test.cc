// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/rw_mutex.h"

namespace sluice::debug {

[[gnu::noinline]] void compute_until(const std::atomic<bool>& end) {
  while (!end) {
  }
}

[[gnu::noinline]] void lock_for_long(sync::Mutex& mutex) {
  mutex.lock();
  asm volatile("");
}

[[gnu::noinline]] void lock_in_the_kernel(std::mutex& mutex) {
  mutex.lock();
  asm volatile("");
}

namespace {

// ThreadSanitizer delivers signals late, when the goroutine would be done.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIGNALS_COME_LATE
#endif
#endif
#ifdef SIGNALS_COME_LATE
constexpr std::string_view computing_is_at = "stack unavailable";
#else
constexpr std::string_view computing_is_at = "sluice::debug::compute_until";
#endif

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

// What the watchdog reported so far.
class Reports {
 public:
  Function<void(std::string_view)> sink() {
    return [this](std::string_view text) {
      std::lock_guard lock(mutex_);
      texts_.emplace_back(text);
    };
  }

  // The first with that word, once it is there.
  std::string wait_for(std::string_view word) {
    for (;; std::this_thread::yield()) {
      std::lock_guard lock(mutex_);
      for (const std::string& text : texts_)
        if (text.contains(word)) return text;
    }
  }

  // Times that there are so many are waited for.
  void wait_for_number(size_t number) {
    for (;; std::this_thread::yield()) {
      std::lock_guard lock(mutex_);
      if (texts_.size() >= number) return;
    }
  }

  std::vector<std::string> all() {
    std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
};

Watchdog watchdog(Duration computing, Duration lock_wait, Reports& reports) {
  Result<Watchdog> watchdog =
      Watchdog::start({.computing = computing, .lock_wait = lock_wait, .report = reports.sink()});
  EXPECT_TRUE(watchdog);
  return std::move(*watchdog);
}

// Goroutines named "waiter" that have waited so long.
size_t count_waiters_for(Duration duration) {
  return static_cast<size_t>(
      std::ranges::count_if(runtime::capture_goroutines().goroutines, [&](auto& goroutine) {
        return std::string_view(goroutine.label) == "waiter" && goroutine.waiting >= duration;
      }));
}

TEST(Watchdog, NamesWhoComputes) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Reports reports;
    Watchdog dog = watchdog(milliseconds(20), hours(1), reports);
    std::atomic<bool> end = false;
    Channel<Unit> ended;
    go([&] {
      compute_until(end);
      ended.send({});
    });
    std::string report;
    std::thread([&] { report = reports.wait_for(computing_is_at); }).join();
    EXPECT_THAT(report, ContainsRegex("^watchdog: goroutine [0-9]+ has computed for [0-9.]+ s "
                                      "without giving way\n\ngoroutine [0-9]+ \\[running\\]:\n"));
    end = true;
    ended.receive();
  });
}

TEST(Watchdog, NamesItAgain) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Reports reports;
    Watchdog dog = watchdog(milliseconds(5), hours(1), reports);
    std::atomic<bool> end = false;
    Channel<Unit> ended;
    go([&] {
      compute_until(end);
      ended.send({});
    });
    std::thread([&] { reports.wait_for_number(3); }).join();
    end = true;
    ended.receive();
  });
}

TEST(Watchdog, NamesWhoWaitsForALock) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Reports reports;
    Watchdog dog = watchdog(hours(1), milliseconds(20), reports);
    sync::Mutex mutex;
    mutex.lock();
    Channel<Unit> ended;
    go([&] {
      lock_for_long(mutex);
      mutex.unlock();
      ended.send({});
    });
    std::string report = reports.wait_for("lock");
    EXPECT_THAT(report, ContainsRegex("^watchdog: goroutine [0-9]+ has waited [0-9.]+ s for a lock"
                                      "\n\ngoroutine [0-9]+ \\[sync.Mutex.Lock\\]:\n"));
    EXPECT_THAT(report, HasSubstr("sluice::debug::lock_for_long"));
    mutex.unlock();
    ended.receive();
  });
}

TEST(Watchdog, NamesThoseAtOnePlaceTogether) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    sync::RWMutex lock;
    lock.lock();
    constexpr size_t readers = 20;
    Channel<Unit> ended(readers);
    for (size_t i = 0; i < readers; ++i)
      go([&] {
        set_goroutine_name("waiter");
        lock.lock_shared();
        lock.unlock_shared();
        ended.send({});
      });
    // All of them at the watchdog's first look.
    while (count_waiters_for(milliseconds(20)) != readers) std::this_thread::yield();
    Reports reports;
    Watchdog dog = watchdog(hours(1), milliseconds(20), reports);
    std::string report = reports.wait_for("20 goroutines");
    EXPECT_THAT(report,
                StartsWith("watchdog: 20 goroutines have waited for a lock at the same place, "
                           "the longest "));
    lock.unlock();
    for (size_t i = 0; i < readers; ++i) ended.receive();
  });
}

TEST(Watchdog, NamesWhoWaitsForAStdMutex) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Reports reports;
    Watchdog dog = watchdog(hours(1), milliseconds(20), reports);
    std::mutex mutex;
    mutex.lock();
    Channel<Unit> ended;
    go([&] {
      lock_in_the_kernel(mutex);
      mutex.unlock();
      ended.send({});
    });
    std::string report = reports.wait_for("lock");
    EXPECT_THAT(report, HasSubstr(" s for a lock, blocked in the kernel\n"));
    EXPECT_THAT(report, HasSubstr("sluice::debug::lock_in_the_kernel"));
    mutex.unlock();
    ended.receive();
  });
}

// That it looked is known by a loop that comes later.
TEST(Watchdog, PassesOverOtherWaits) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<Unit> word;
    Channel<Unit> ended;
    go([=] {
      set_goroutine_name("waiter");
      word.receive();
      ended.send({});
    });
    internal::wait_for_waiters(1);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    go([&] {  // blocked in the kernel
      char byte;
      EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
      ended.send({});
    });
    Reports reports;
    Watchdog dog = watchdog(milliseconds(10), milliseconds(10), reports);
    std::atomic<bool> end = false;
    go([&] {
      compute_until(end);
      ended.send({});
    });
    std::thread([&] { reports.wait_for("computed"); }).join();
    for (const std::string& report : reports.all()) EXPECT_THAT(report, HasSubstr("[running]"));
    end = true;
    word.send({});
    EXPECT_EQ(::write(pipe[1], "x", 1), 1);
    for (int i = 0; i < 3; ++i) ended.receive();
    ::close(pipe[0]);
    ::close(pipe[1]);
  });
}

TEST(Watchdog, NeedsNoRuntime) {
  Reports reports;
  {
    Watchdog dog = watchdog(milliseconds(1), milliseconds(1), reports);
  }
  EXPECT_TRUE(reports.all().empty());
}

TEST(Watchdog, RefusesThresholdsThatAreNone) {
  for (Duration none : {Duration::zero(), Duration(-1)}) {
    Result<Watchdog> computing = Watchdog::start({.computing = none});
    ASSERT_FALSE(computing);
    EXPECT_EQ(computing.error().code(), Code::invalid_argument);
    EXPECT_FALSE(Watchdog::start({.lock_wait = none}));
  }
}

}  // namespace
}  // namespace sluice::debug
