// SPDX-License-Identifier: Apache-2.0

// The trace as a program's operator sees it: on stderr, asked for by SLUICE_DEBUG. Where a line
// must come, the test waits for it, and hangs if it does not.

#include "sluice/runtime/internal/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

using testing::HasSubstr;

// While it lives, SLUICE_DEBUG is set and stderr goes to a pipe in which each write stays apart.
class Captured {
 public:
  explicit Captured(const char* debug) {
    ::setenv("SLUICE_DEBUG", debug, 1);
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC | O_DIRECT), 0);
    stderr_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~Captured() {
    ::unsetenv("SLUICE_DEBUG");
    ::dup2(stderr_, STDERR_FILENO);
    for (int fd : {stderr_, ends_[0], ends_[1]}) ::close(fd);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  // What one write(2) wrote; waits for it.
  std::string next_write() const {
    char bytes[8192];
    ssize_t n = ::read(ends_[0], bytes, sizeof bytes);
    EXPECT_GT(n, 0);
    return std::string(bytes, n > 0 ? static_cast<size_t>(n) : 0);
  }
  // The first report from now on that has `text` in it.
  std::string wait_for(const std::string& text) const {
    for (;;)
      if (std::string report = next_write(); report.find(text) != report.npos) return report;
  }
  // Takes what one write wrote, if any has.
  bool anything_pending() const {
    int flags = ::fcntl(ends_[0], F_GETFL);
    ::fcntl(ends_[0], F_SETFL, flags | O_NONBLOCK);
    char bytes[8192];
    bool any = ::read(ends_[0], bytes, sizeof bytes) > 0;
    ::fcntl(ends_[0], F_SETFL, flags);
    return any;
  }

 private:
  int ends_[2];
  int stderr_;
};

// Goroutines that loop without calling anything; started and ended by a foreign thread.
class Loops {
 public:
  explicit Loops(int count) : count_(count) {
    for (int i = 0; i < count; ++i)
      go([this] {
        ++looping_;
        while (!stop_.load(std::memory_order_relaxed)) {
        }
        --looping_;
      });
    while (looping_ != count_) std::this_thread::yield();
  }
  ~Loops() {
    stop_ = true;
    while (looping_ != 0) std::this_thread::yield();
  }

 private:
  int count_;
  std::atomic<int> looping_{0};
  std::atomic<bool> stop_{false};
};

// Goroutines that wait until the end of scope.
class Parked {
 public:
  explicit Parked(size_t count) : waiters_(count) {
    for (auto& waiter : waiters_)
      go([this, &waiter] {
        waiter.store(current());
        park(WaitReason::cond);
        ++ended_;
      });
    for (auto& waiter : waiters_)
      while (waiter.load() == nullptr) std::this_thread::yield();
  }
  ~Parked() {
    for (auto& waiter : waiters_) ready(waiter.load());
    while (ended_ != waiters_.size()) std::this_thread::yield();
  }

 private:
  std::vector<std::atomic<G*>> waiters_;
  std::atomic<size_t> ended_{0};
};

TEST(Schedtrace, IsGosLineInOneWrite) {
  const std::regex line(
      "SCHED [0-9]+ms: gomaxprocs=2 idleprocs=[0-2] threads=[0-9]+ spinningthreads=[0-9]+ "
      "needspinning=[01] idlethreads=[0-9]+ runqueue=[0-9]+ \\[[0-9]+ [0-9]+\\]\n");
  Captured captured("schedtrace=1");
  Runtime runtime{{.max_procs = 2}};
  for (int i = 0; i < 3; ++i) {
    std::string report = captured.next_write();
    EXPECT_TRUE(std::regex_match(report, line)) << report;
  }
}

TEST(Schedtrace, TheFirstReportComesAtOnceAndTheOthersOnTime) {
  Captured captured("schedtrace=3");
  Runtime runtime{{.max_procs = 1}};
  EXPECT_THAT(captured.next_write(), HasSubstr("SCHED 0ms:"));
  for (int i = 1; i <= 3; ++i) {
    int ms = std::atoi(captured.next_write().c_str() + 6);
    EXPECT_GE(ms, 3 * i);
  }
}

TEST(Schedtrace, GoesOnWhileAllProcessorsLoop) {
  Captured captured("schedtrace=1");
  Runtime runtime{{.max_procs = 2}};
  // Again, if the first lost its processor because the second was slow to come up.
  for (bool all = false; !all;) {
    Loops loops(2);
    for (int i = 0; i < 20 && !all; ++i)
      all = captured.next_write().find("idleprocs=0 ") != std::string::npos;
    for (int i = 0; i < 3; ++i) EXPECT_THAT(captured.next_write(), HasSubstr("SCHED "));
  }
}

TEST(Schedtrace, ShowsWhatIsQueuedBehindALoop) {
  Captured captured("schedtrace=1");
  Runtime runtime{{.max_procs = 1, .threads_max = 2}};
  std::atomic<int> ended = 0;
  std::atomic<bool> stop = false;
  // One of the two threads is blocked, so there is none that could take the loop's processor.
  go([&] {
    go([&] {
      for (int i = 0; i < 5; ++i) go([&] { ++ended; });
      while (!stop.load(std::memory_order_relaxed)) {
      }
      ++ended;
    });
    blocking([&] {
      while (!stop) std::this_thread::yield();
    });
    ++ended;
  });
  EXPECT_THAT(captured.wait_for(" [5]"), HasSubstr("idleprocs=0 "));
  stop = true;
  while (ended != 7) std::this_thread::yield();
}

TEST(Schedtrace, GoesOnWhileAllIsIdleAndSysmonSleeps) {
  Captured captured("schedtrace=1,scheddetail=1");
  Runtime runtime{{.max_procs = 2}};
  captured.wait_for("sysmonwait=1");
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(captured.wait_for("sysmonwait=1"), HasSubstr("idleprocs=2 "));
}

TEST(Schedtrace, ShowsThreadsThatBlockedCallsKeep) {
  Captured captured("schedtrace=1");
  Runtime runtime{{.max_procs = 1}};
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<int> returned = 0;
  for (int i = 0; i < 6; ++i)
    go([&] {
      blocking([&] {
        char byte;
        EXPECT_EQ(::read(ends[0], &byte, 1), 1);
      });
      ++returned;
    });
  for (int threads = 0; threads < 7;) {  // six and sysmon
    std::smatch match;
    std::string report = captured.next_write();
    ASSERT_TRUE(std::regex_search(report, match, std::regex(" threads=([0-9]+) ")));
    threads = std::stoi(match[1]);
  }
  EXPECT_EQ(::write(ends[1], "123456", 6), 6);
  while (returned != 6) std::this_thread::yield();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Schedtrace, DetailHasALineForEachProcessorThreadAndGoroutine) {
  Captured captured("schedtrace=1,scheddetail=1");
  Runtime runtime{{.max_procs = 2}};
  Parked parked(3);
  const std::regex parked_line("  G[0-9]+: status=4\\(sync\\.Cond\\.Wait\\) m=nil lockedm=nil\n");
  for (;;) {
    std::string report = captured.wait_for("idleprocs=2 ");
    auto begin = std::sregex_iterator(report.begin(), report.end(), parked_line);
    if (std::distance(begin, std::sregex_iterator()) != 3) continue;
    const std::regex whole(
        "SCHED .* gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=[01]\n"
        "(  P[01]: status=[01] schedtick=[0-9]+ syscalltick=[0-9]+ m=(nil|[0-9]+) runqsize=[0-9]+ "
        "gfreecnt=[0-9]+ timerslen=[0-9]+\n){2}"
        "(  M[0-9]+: p=(nil|[0-9]+) curg=(nil|[0-9]+) mallocing=0 throwing=0 preemptoff= "
        "locks=[01] dying=0 spinning=(true|false) blocked=(true|false) lockedg=nil\n)+"
        "(  G[0-9]+: status=[0-46]\\([^)]*\\) m=(nil|[0-9]+) lockedm=nil\n)+");
    EXPECT_TRUE(std::regex_match(report, whole)) << report;
    break;
  }
}

TEST(Schedtrace, DetailSaysWhichThreadAGoroutineHoldsWithoutAProcessor) {
  Captured captured("schedtrace=1,scheddetail=1");
  Runtime runtime{{.max_procs = 1}};
  std::atomic<bool> stop = false;
  std::atomic<bool> ended = false;
  go([&] {
    blocking([&] {
      while (!stop) std::this_thread::yield();
    });
    ended = true;
  });
  captured.wait_for(": status=3() m=");
  // The next one: that report's line of the M may be from before it lost its P.
  std::string report = captured.wait_for(": status=3() m=");
  EXPECT_TRUE(std::regex_search(report, std::regex("  M[0-9]+: p=nil curg=[1-9]"))) << report;
  stop = true;
  while (!ended) std::this_thread::yield();
}

TEST(Schedtrace, EndsWithItsRuntime) {
  Captured captured("schedtrace=1");
  for (int i = 0; i < 2; ++i) {
    {
      Runtime runtime{{.max_procs = 1}};
      captured.wait_for("SCHED ");
    }
    while (captured.anything_pending()) {
    }
    EXPECT_FALSE(captured.anything_pending());
  }
}

// A full pipe delays reports; it must not hold up the program.
TEST(Schedtrace, ARuntimeEndsThoughNobodyReadsItsTrace) {
  Captured captured("schedtrace=1");
  int filled[2];
  ASSERT_EQ(::pipe2(filled, O_CLOEXEC | O_NONBLOCK), 0);
  while (::write(filled[1], "x", 1) == 1) {
  }
  ASSERT_EQ(::fcntl(filled[1], F_SETFL, 0), 0);
  ::dup2(filled[1], STDERR_FILENO);
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] { sleep_for(std::chrono::milliseconds(5)); });
  }
  ::close(filled[0]);
  ::close(filled[1]);
}

TEST(Schedtrace, NothingIsWrittenUnasked) {
  Captured captured("schedtrace=0,scheddetail=1");
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] { sleep_for(std::chrono::milliseconds(1)); });
  }
  EXPECT_FALSE(captured.anything_pending());
}

TEST(Schedtrace, AReportThatDoesNotFitSaysHowMuchIsMissing) {
  Runtime runtime{{.max_procs = 2}};
  Parked parked(50);
  std::string memory(1500, '\0');
  FixedText text(memory.data(), memory.size());
  report(text, 7, true);
  std::string shown(text.finish());
  EXPECT_THAT(shown, testing::StartsWith("SCHED 7ms: gomaxprocs=2 "));
  EXPECT_TRUE(std::regex_search(shown, std::regex("  \\.\\.\\. [1-9][0-9]* more lines\n$")))
      << shown;
}

}  // namespace
}  // namespace sluice::runtime
