// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/simulation.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/epoch.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/simulated_scheduler.h"
#include "sluice/runtime/spin_lock.h"

using namespace std::chrono_literals;

namespace sluice::runtime {
namespace {

// Always the next one in turn, also where the running one could go on if it `interrupts`.
class InTurn final : public Decider {
 public:
  explicit InTurn(bool interrupts = false) : interrupts_(interrupts) {}
  bool looks() override { return interrupts_; }
  size_t next(std::span<const uint64_t> ids, size_t, bool) override {
    auto after = std::upper_bound(ids.begin(), ids.end(), running_);
    return after == ids.end() ? 0 : static_cast<size_t>(after - ids.begin());
  }
  uint32_t choose(Decision, uint32_t count) override { return count - 1; }
  bool happens(Decision, uint32_t) override { return faults; }
  uint64_t random_bits() override { return 7; }
  void switched(uint64_t goroutine, std::string_view, Instant when) override {
    running_ = goroutine;
    last = when;
  }
  void noted(uint64_t goroutine, Instant, std::string_view what) override {
    notes.push_back(std::to_string(goroutine) + " " + std::string(what));
  }

  bool faults = false;
  Instant last{};
  std::vector<std::string> notes;

 private:
  const bool interrupts_;
  uint64_t running_ = 0;
};

template <class Body>
RunOutcome simulate(Decider& decider, Body body, SimulatedRun run = {}) {
  return run_simulated(run, decider, [](void* fn) { (*static_cast<Body*>(fn))(); }, &body);
}

void note(const std::string& what) { simulation()->note(what); }

TEST(Simulated, GoroutinesAreNumberedAndTakeTurns) {
  InTurn decider;
  RunOutcome outcome = simulate(decider, [] {
    for (char name : {'a', 'b', 'c'})
      go([name] {
        for (int i = 0; i < 2; ++i) {
          note(std::string(1, name));
          yield();
        }
      });
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_EQ(outcome.goroutines, 4u);
  EXPECT_EQ(decider.notes, (std::vector<std::string>{"3 a", "4 b", "5 c", "3 a", "4 b", "5 c"}));
  EXPECT_EQ(simulation(), nullptr);
}

TEST(Simulated, ADayPassesWhenNobodyHasAnythingToDo) {
  InTurn decider;
  Instant begin, end;
  RunOutcome outcome = simulate(decider, [&] {
    begin = now();
    sleep_for(24h);
    end = now();
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_GE(end - begin, 24h);
  EXPECT_LT(end - begin, 24h + 1s);
  EXPECT_GE(outcome.simulated, 24h);
}

TEST(Simulated, ClocksBeginAtTheSameMoment) {
  Instant moments[2];
  std::chrono::system_clock::time_point walls[2];
  for (int i : {0, 1}) {
    InTurn decider;
    simulate(decider, [&] {
      moments[i] = now();
      walls[i] = wall();
    });
  }
  EXPECT_EQ(moments[0], moments[1]);
  EXPECT_EQ(walls[0], walls[1]);
}

// Who is interrupted in a lock's section keeps it; the others wait until it is free.
TEST(Simulated, ASpinLockExcludesAlsoWhoIsInterruptedInIt) {
  InTurn decider(true);
  SpinLock lock;
  int inside = 0, most = 0;
  RunOutcome outcome = simulate(decider, [&] {
    for (int i = 0; i < 3; ++i)
      go([&] {
        std::lock_guard guard(lock);
        most = std::max(most, ++inside);
        interleave();
        interleave();
        --inside;
      });
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_EQ(most, 1);
}

TEST(Simulated, WhoIsInterruptedWhilePinnedKeepsItsSlot) {
  InTurn decider(true);
  std::vector<int> users(8);
  int together = 0, most = 0;
  RunOutcome outcome = simulate(decider, [&] {
    for (int i = 0; i < 6; ++i)
      go([&] {
        int slot = pin();
        EXPECT_EQ(++users[static_cast<size_t>(slot)], 1);
        most = std::max(most, ++together);
        for (int k = 0; k < 5; ++k) interleave();
        --together;
        --users[static_cast<size_t>(slot)];
        unpin();
      });
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_GT(most, 1);
}

// retire() waits for pins, of goroutines that were interrupted.
TEST(Simulated, WhatIsRetiredOutlivesPins) {
  InTurn decider(true);
  static int freed;
  freed = 0;
  int freed_while_pinned = -1;
  RunOutcome outcome = simulate(decider, [&] {
    bool pinned = false;
    go([&] {
      pin();
      pinned = true;
      for (int i = 0; i < 2000; ++i) interleave();
      freed_while_pinned = freed;
      unpin();
    });
    while (!pinned) yield();
    for (int i = 0; i < 256; ++i)
      retire(new int, [](void* object) {
        ++freed;
        delete static_cast<int*>(object);
      });
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_EQ(freed_while_pinned, 0);
  EXPECT_EQ(freed, 256);
}

TEST(Simulated, DeadlockAndWhoIsLeftAreTold) {
  InTurn decider;
  RunOutcome outcome = simulate(decider, [] {
    set_goroutine_name("first");
    go([] { park(WaitReason::mutex); });
    park(WaitReason::semaphore);
  });
  EXPECT_EQ(outcome.end, RunEnd::deadlocked);
  ASSERT_EQ(outcome.unfinished.size(), 2u);
  EXPECT_EQ(outcome.unfinished[0].label, "first");
  EXPECT_EQ(outcome.unfinished[0].wait_reason, WaitReason::semaphore);
  EXPECT_FALSE(outcome.unfinished[0].frames.empty());
  EXPECT_EQ(outcome.unfinished[1].created_by_id, 1u);

  outcome = simulate(decider, [] { go([] { park(WaitReason::mutex); }); });
  EXPECT_EQ(outcome.end, RunEnd::left_over);
  ASSERT_EQ(outcome.unfinished.size(), 1u);
  EXPECT_EQ(outcome.unfinished[0].id, 3u);
}

TEST(Simulated, ARunThatDoesNotEndIsCutOff) {
  InTurn decider;
  RunOutcome outcome = simulate(decider,
                                [] {
                                  for (;;) yield();
                                },
                                {.steps_max = 1000});
  EXPECT_EQ(outcome.end, RunEnd::endless);
  EXPECT_EQ(outcome.steps, 1001u);
}

TEST(Simulated, ExceptionsAndFailuresEndTheRun) {
  InTurn decider;
  RunOutcome outcome = simulate(decider, [] { go([] { throw std::runtime_error("out of it"); }); });
  EXPECT_EQ(outcome.end, RunEnd::panicked);
  EXPECT_EQ(outcome.message, "out of it");
  EXPECT_EQ(outcome.goroutine, 3u);

  outcome = simulate(decider, [] { simulation()->fail("wrong sum"); });
  EXPECT_EQ(outcome.end, RunEnd::failed);
  EXPECT_EQ(outcome.message, "wrong sum");
}

// Each goroutine's exception is its own, though others run between throw and catch.
TEST(Simulated, ExceptionsStayWithTheirGoroutines) {
  InTurn decider(true);
  int right = 0;
  RunOutcome outcome = simulate(decider, [&] {
    for (int i = 0; i < 3; ++i)
      go([&, i] {
        try {
          throw i;
        } catch (int caught) {
          for (int k = 0; k < 5; ++k) interleave();
          yield();
          try {
            throw;
          } catch (int again) {
            right += caught == i && again == i;
          }
        }
      });
  });
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_EQ(right, 3);
}

TEST(Simulated, ADescriptorOfTheSystemIsRefused) {
  InTurn decider;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  RunOutcome outcome = simulate(decider, [&] {
    PollDesc poll;
    static_cast<void>(poll.open(pipe[0]));
  });
  EXPECT_EQ(outcome.end, RunEnd::refused);
  EXPECT_NE(outcome.message.find("descriptor"), std::string::npos) << outcome.message;
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(Simulated, TryGoFailsWhereFaultsAreOn) {
  InTurn decider;
  decider.faults = true;
  bool failed = false;
  simulate(decider, [&] {
    Result<void> started = try_go([] {});
    failed = !started && started.error().code() == Code::resource_exhausted;
  });
  EXPECT_TRUE(failed);
  EXPECT_EQ(decider.notes, (std::vector<std::string>{"1 no goroutine can be had"}));
}

TEST(Simulated, OthersRunWhileSomebodyBlocks) {
  InTurn decider;
  std::string order;
  simulate(decider, [&] {
    go([&] { order += 'b'; });
    blocking([&] { order += 'a'; });
  });
  EXPECT_EQ(order, "ba");
}

TEST(Simulated, AnOrdinaryRuntimeMayFollow) {
  InTurn decider;
  simulate(decider, [] { sleep_for(1s); });
  Runtime runtime{{.max_procs = 2}};
  EXPECT_EQ(runtime.block_on([] { return 3; }), 3);
}

class Descriptors final : public DescriptorSource {
 public:
  Descriptors() { set_descriptor_source(this); }
  ~Descriptors() { set_descriptor_source(nullptr); }
  Result<void> watch(int fd, uint64_t tag) override {
    if (fd != first_simulated_fd) return Error(Code::not_found, "no such descriptor");
    tag_ = tag;
    return {};
  }
  void unwatch(int) override { watched_out = true; }
  void become_readable() { report_ready(tag_, true, false, false); }

  bool watched_out = false;

 private:
  uint64_t tag_ = 0;
};

// On the ordinary scheduler, too.
TEST(DescriptorSource, SaysWhenItsDescriptorsAreReady) {
  Descriptors descriptors;
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([&] {
    PollDesc poll;
    EXPECT_FALSE(poll.open(first_simulated_fd + 1).has_value());
    ASSERT_TRUE(poll.open(first_simulated_fd).has_value());
    go([&] { descriptors.become_readable(); });
    EXPECT_TRUE(poll.wait_read().has_value());
    poll.close();
    EXPECT_TRUE(descriptors.watched_out);
  });
}

}  // namespace
}  // namespace sluice::runtime
