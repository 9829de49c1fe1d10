// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/poll.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Two connected non-blocking sockets; the first is registered.
struct Pair {
  Pair() {
    int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    EXPECT_EQ(made, 0);
    Result<void> opened = poll.open(ends[0]);
    EXPECT_TRUE(opened.has_value());
  }
  ~Pair() {
    poll.close();
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void send() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void hang_up() {
    ::close(ends[1]);
    ends[1] = -1;
  }
  // As a user of PollDesc reads: the call first, the wait after EAGAIN. -1: the wait failed.
  ssize_t receive() {
    for (;;) {
      char byte;
      ssize_t n = ::read(ends[0], &byte, 1);
      if (n >= 0) return n;
      EXPECT_EQ(errno, EAGAIN);
      if (!poll.wait_read().has_value()) return -1;
    }
  }
  int ends[2];
  PollDesc poll;
};

Code code_of(const Result<void>& result) {
  return result.has_value() ? Code::ok : result.error().code();
}

// Runs `waits` on a goroutine and `meanwhile` on another, which is first every other time.
template <class Waits, class Meanwhile>
void against(Waits waits, Meanwhile meanwhile) {
  static std::atomic<int> calls;
  bool later = ++calls % 2 == 0;
  G* self = current();
  std::atomic<int> left = 2;
  auto done = [&left, self] {
    if (left.fetch_sub(1) == 1) ready(self);
  };
  go([&] {
    waits();
    done();
  });
  go([&] {
    for (int i = 0; later && i < 3; ++i) yield();
    meanwhile();
    done();
  });
  park(WaitReason::wait_group);
}

class Poll : public testing::TestWithParam<int> {
 protected:
  template <class F>
  void on_goroutine(F body) {
    Runtime runtime{{.max_procs = GetParam()}};
    runtime.block_on(body);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, Poll, testing::Values(1, 2));

TEST_P(Poll, ReadinessBeforeTheWaitIsRemembered) {
  on_goroutine([] {
    Pair pair;
    pair.send();
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::ok);
    EXPECT_EQ(pair.receive(), 1);
  });
}

TEST_P(Poll, AByteEndsTheWait) {
  on_goroutine([] {
    Pair pair;
    for (int i = 0; i < 200; ++i)
      against([&] { EXPECT_EQ(pair.receive(), 1); }, [&] { pair.send(); });
  });
}

TEST_P(Poll, AFreshSocketIsWritableAndAFullOneBecomesSo) {
  on_goroutine([] {
    Pair pair;
    EXPECT_EQ(code_of(pair.poll.wait_write()), Code::ok);
    static const char block[4096] = {};
    size_t sent = 0;
    for (ssize_t n; (n = ::write(pair.ends[0], block, sizeof block)) > 0;)
      sent += static_cast<size_t>(n);
    against(
        [&] {
          char byte = 0;
          while (::write(pair.ends[0], &byte, 1) < 0) {
            EXPECT_EQ(errno, EAGAIN);
            ASSERT_EQ(code_of(pair.poll.wait_write()), Code::ok);
          }
        },
        [&] {
          char sink[4096];
          for (size_t got = 0; got < sent;) {
            ssize_t n = ::read(pair.ends[1], sink, sizeof sink);
            ASSERT_GT(n, 0);
            got += static_cast<size_t>(n);
          }
        });
  });
}

TEST_P(Poll, TheEndOfThePeerEndsTheWait) {
  on_goroutine([] {
    Pair pair;
    against([&] { EXPECT_EQ(pair.receive(), 0); }, [&] { pair.hang_up(); });
    if (!pair.poll.hung_up()) {
      EXPECT_EQ(code_of(pair.poll.wait_read()), Code::ok);
    }
    EXPECT_TRUE(pair.poll.hung_up());
  });
}

TEST_P(Poll, ADeadlineInThePastFailsAtOnceUntilALaterOneIsSet) {
  on_goroutine([] {
    Pair pair;
    pair.poll.set_read_deadline(now() - milliseconds(1));
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::deadline_exceeded);
    pair.send();
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::deadline_exceeded);
    pair.poll.set_read_deadline(now() + hours(1));
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::ok);
    pair.poll.set_read_deadline(Instant::max());
  });
}

TEST_P(Poll, ADeadlineEndsTheRunningWaitNotEarly) {
  on_goroutine([] {
    Pair pair;
    Instant deadline = now() + milliseconds(3);
    pair.poll.set_read_deadline(deadline);
    EXPECT_EQ(pair.receive(), -1);
    EXPECT_GE(now(), deadline);
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::deadline_exceeded);
  });
}

TEST_P(Poll, ADeadlineSetDuringTheWaitCounts) {
  on_goroutine([] {
    Pair pair;
    against([&] { EXPECT_EQ(code_of(pair.poll.wait_read()), Code::deadline_exceeded); },
            [&] { pair.poll.set_read_deadline(now() - milliseconds(1)); });
    pair.poll.set_read_deadline(now() + hours(1));
    against([&] { EXPECT_EQ(code_of(pair.poll.wait_read()), Code::deadline_exceeded); },
            [&] { pair.poll.set_read_deadline(now() + milliseconds(1)); });
  });
}

TEST_P(Poll, AnExtendedDeadlineReplacesTheEarlierOne) {
  on_goroutine([] {
    Pair pair;
    Instant early = now() + milliseconds(5);
    pair.poll.set_read_deadline(early);
    pair.poll.set_read_deadline(now() + hours(1));
    against([&] { EXPECT_EQ(pair.receive(), 1); },
            [&] {
              sleep_until(early + milliseconds(1));
              pair.send();
            });
  });
}

TEST_P(Poll, TheDeadlinesOfTheDirectionsAreIndependent) {
  on_goroutine([] {
    Pair pair;
    pair.poll.set_read_deadline(now() - milliseconds(1));
    EXPECT_EQ(code_of(pair.poll.wait_write()), Code::ok);
    pair.poll.set_read_deadline(Instant::max());
    pair.poll.set_write_deadline(now() - milliseconds(1));
    pair.send();
    EXPECT_EQ(code_of(pair.poll.wait_read()), Code::ok);
    EXPECT_EQ(code_of(pair.poll.wait_write()), Code::deadline_exceeded);
  });
}

TEST_P(Poll, AnInterruptFailsWaitsUntilItIsCleared) {
  on_goroutine([] {
    Pair pair;
    for (int i = 0; i < 100; ++i) {
      against([&] { EXPECT_EQ(pair.receive(), -1); }, [&] { pair.poll.interrupt(); });
      EXPECT_EQ(code_of(pair.poll.wait_read()), Code::cancelled);
      EXPECT_EQ(code_of(pair.poll.wait_write()), Code::cancelled);
      pair.poll.clear_interrupt();
      pair.send();
      ASSERT_EQ(pair.receive(), 1);
    }
  });
}

TEST_P(Poll, CloseWakesBothWaitersAndFailsLaterWaits) {
  on_goroutine([] {
    for (int i = 0; i < 100; ++i) {
      Pair pair;
      against([&] { EXPECT_EQ(code_of(pair.poll.wait_read()), Code::cancelled); },
              [&] { pair.poll.close(); });
      EXPECT_FALSE(pair.poll.is_open());
      EXPECT_EQ(code_of(pair.poll.wait_read()), Code::cancelled);
      EXPECT_EQ(code_of(pair.poll.wait_write()), Code::cancelled);
      pair.poll.close();
    }
  });
}

TEST_P(Poll, AReusedRecordKnowsNothingOfItsFormerUse) {
  on_goroutine([] {
    for (int i = 0; i < 500; ++i) {
      Pair pair;
      pair.poll.set_read_deadline(now() + hours(1));
      // What the former user left: an event, an interrupt, a passed deadline.
      EXPECT_FALSE(pair.poll.hung_up());
      EXPECT_EQ(::read(pair.ends[0], nullptr, 0), 0);
      against([&] { ASSERT_EQ(pair.receive(), 1); }, [&] { pair.send(); });
      pair.send();
      if (i % 3 == 0) pair.poll.interrupt();
      if (i % 3 == 1) pair.poll.set_read_deadline(now() - milliseconds(1));
      if (i % 3 == 2) pair.hang_up();
    }
  });
}

TEST_P(Poll, AForeignThreadWaitsToo) {
  Runtime runtime{{.max_procs = GetParam()}};
  Pair pair;
  std::thread thread([&] {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(pair.receive(), 1);
    pair.poll.set_read_deadline(now() + milliseconds(1));
    EXPECT_EQ(pair.receive(), -1);
  });
  for (int i = 0; i < 100; ++i) go([&] { pair.send(); });
  thread.join();
}

TEST_P(Poll, MovingTakesTheRegistrationAlong) {
  on_goroutine([] {
    Pair pair;
    PollDesc moved = std::move(pair.poll);
    EXPECT_FALSE(pair.poll.is_open());
    ASSERT_TRUE(moved.is_open());
    against([&] { EXPECT_EQ(code_of(moved.wait_read()), Code::ok); }, [&] { pair.send(); });
    moved = PollDesc();
    EXPECT_FALSE(moved.is_open());
  });
}

TEST_P(Poll, ManyDescriptorsAreServedAtOnce) {
  on_goroutine([] {
    constexpr int count = 200;
    auto pairs = std::make_unique<Pair[]>(count);
    G* self = current();
    std::atomic<int> left = count;
    for (int i = 0; i < count; ++i)
      go([&, i] {
        for (int j = 0; j < 20; ++j) EXPECT_EQ(pairs[i].receive(), 1);
        if (left.fetch_sub(1) == 1) ready(self);
      });
    for (int j = 0; j < 20; ++j) {
      for (int i = 0; i < count; ++i) pairs[i].send();
      yield();
    }
    park(WaitReason::wait_group);
  });
}

TEST(PollDesc, OpenErrorsAreNamed) {
  PollDesc poll;
  EXPECT_EQ(code_of(poll.open(0)), Code::failed_precondition) << "no Runtime exists";
  Runtime runtime{{.max_procs = 1}};
  EXPECT_FALSE(poll.open(-1).has_value());
  EXPECT_FALSE(poll.is_open());
}

TEST(PollDesc, WhicheverOfTwoClosesReturnsTheDescriptorIsUnregistered) {
  Runtime runtime{{.max_procs = 1}};
  constexpr int rounds = 5'000;
  Pair pair;
  pair.poll.close();
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  PollDesc poll;
  std::thread other([&] {
    for (int round = 1; round <= rounds; ++round) {
      while (begun != round) std::this_thread::yield();
      poll.close();
      ended = round;
    }
  });
  int registered_still = 0;
  for (int round = 1; round <= rounds; ++round) {
    Result<void> opened = poll.open(pair.ends[0]);
    EXPECT_TRUE(opened.has_value());
    begun = round;
    poll.close();
    PollDesc again;
    if (!again.open(pair.ends[0]).has_value()) ++registered_still;
    again.close();
    while (ended != round) std::this_thread::yield();
  }
  other.join();
  EXPECT_EQ(registered_still, 0);
}

}  // namespace
}  // namespace sluice::runtime
