// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/leaks.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/internal/test_leaks.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/section.h"

namespace sluice::runtime {
namespace {

class Leaks : public testing::Test {
 protected:
  template <class F>
  void run(F fn) {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on(fn);
  }
};

using Ids = std::vector<uint64_t>;

[[gnu::noinline]] Ids leak_on_heap(WaitReason reason) {
  auto gate = std::make_shared<Gate>();
  return {start_and_park([gate, reason] { gate->wait(reason); })};
}

TEST_F(Leaks, AWaiterIsFoundWhenOnlyItselfHoldsWhatItWaitsFor) {
  run([] {
    for (WaitReason reason :
         {WaitReason::chan_receive, WaitReason::chan_send, WaitReason::select, WaitReason::mutex,
          WaitReason::rw_mutex_read, WaitReason::rw_mutex_write, WaitReason::wait_group,
          WaitReason::cond, WaitReason::semaphore})
      EXPECT_EQ(finds_what([reason] { return leak_on_heap(reason); }), searches) << name(reason);
  });
}

TEST_F(Leaks, AWaiterWhoseObjectIsOnItsOwnStackIsFound) {
  run([] {
    EXPECT_EQ(finds_what([] { return Ids{start_and_park([] { Gate().wait(); })}; }), searches);
  });
}

TEST_F(Leaks, OneThatWaitsForNothingIsFoundWhateverReachesIt) {
  run([] {
    for (WaitReason reason :
         {WaitReason::chan_receive_nil, WaitReason::chan_send_nil, WaitReason::select_no_cases}) {
      std::atomic<int*> shown{nullptr};
      uint64_t id = start_and_park([&shown, reason] {
        int local = 0;
        shown = &local;
        for (;;) park(reason);
      });
      EXPECT_TRUE(proves(id)) << name(reason);
      EXPECT_NE(shown.load(), nullptr);
    }
  });
}

TEST_F(Leaks, SomebodyOnAStackCanStillOpen) {
  run([] {
    auto gate = std::make_shared<Gate>();
    uint64_t id = start_and_park([gate] { gate->wait(); });
    EXPECT_FALSE(proves(id));
    gate->open();
  });
}

std::shared_ptr<Gate> global_gate;
thread_local std::shared_ptr<Gate> thread_gate;

TEST_F(Leaks, AVariableOfTheProgramKeepsIt) {
  run([] {
    uint64_t id = start_and_park([] {
      global_gate = std::make_shared<Gate>();
      global_gate->wait();
    });
    EXPECT_FALSE(proves(id));
    global_gate->open();
  });
}

TEST_F(Leaks, AThreadLocalOfAnotherThreadKeepsIt) {
  run([] {
    std::atomic<Gate*> made{nullptr};
    std::atomic<bool> enough{false};
    std::thread other([&] {
      thread_gate = std::make_shared<Gate>();
      made = thread_gate.get();
      while (!enough) std::this_thread::yield();
    });
    blocking([&] {
      while (made == nullptr) std::this_thread::yield();
    });
    uint64_t id = start_and_park([gate = made.exchange(nullptr)] { gate->wait(); });
    EXPECT_FALSE(proves(id));
    blocking([&] {
      enough = true;
      other.join();
    });
  });
}

// A chain through the heap: the search must follow it from the root to the end.
TEST_F(Leaks, AChainOfBlocksKeepsIt) {
  struct Link {
    std::unique_ptr<Link> next;
    Gate gate;
  };
  run([] {
    auto chain = std::make_unique<Link>();
    Link* last = chain.get();
    for (int i = 0; i < 10000; ++i) last = (last->next = std::make_unique<Link>()).get();
    uint64_t id = start_and_park([gate = &last->gate] { gate->wait(); });
    last = nullptr;
    EXPECT_FALSE(proves(id));
    Link* link = chain.get();
    while (link->next != nullptr) link = link->next.get();
    link->gate.open();
  });
}

TEST_F(Leaks, AWaiterThatARunnableOneCouldWakeIsKept) {
  run([] {
    std::atomic<bool> stop{false};
    std::atomic<bool> stopped{false};
    auto gate = std::make_shared<Gate>();
    go([gate, &stop, &stopped] {  // always runs, or will
      while (!stop) yield();
      gate->open();
      stopped = true;
    });
    uint64_t id = start_and_park([gate] { gate->wait(); });
    gate.reset();
    EXPECT_FALSE(proves(id));
    stop = true;
    while (!stopped) yield();
  });
}

TEST_F(Leaks, ASleeperKeepsWhatItHolds) {
  run([] {
    auto gate = std::make_shared<Gate>();
    start_and_park([gate] {
      sleep_for(std::chrono::hours(1));
      gate->open();
    });
    uint64_t id = start_and_park([gate] { gate->wait(); });
    gate.reset();
    EXPECT_FALSE(proves(id));
  });
}

[[gnu::noinline]] Ids wait_for_each_other() {
  auto left = std::make_shared<Gate>();
  auto right = std::make_shared<Gate>();
  uint64_t first = start_and_park([left, right] {
    left->wait();
    right->open();
  });
  uint64_t second = start_and_park([left, right] {
    right->wait();
    left->open();
  });
  return {first, second};
}

// Neither can wake the other: a garbage collector's cycle.
TEST_F(Leaks, WaitersThatHoldEachOthersObjectsAreFound) {
  run([] { EXPECT_EQ(finds_what(wait_for_each_other), searches); });
}

[[gnu::noinline]] void wait_in_a_row(const std::shared_ptr<Gate>& outer, uint64_t* ids) {
  auto inner = std::make_shared<Gate>();
  ids[0] = start_and_park([outer, inner] {
    outer->wait();
    inner->open();
  });
  ids[1] = start_and_park([inner] { inner->wait(); });
}

// What one that can be woken holds may be used again.
TEST_F(Leaks, AWaiterThatCanBeWokenKeepsWhatItHolds) {
  run([] {
    auto outer = std::make_shared<Gate>();
    uint64_t ids[2];
    wait_in_a_row(outer, ids);
    EXPECT_FALSE(proves(ids[0]));
    EXPECT_FALSE(proves(ids[1]));
    outer->open();
  });
}

TEST_F(Leaks, AClosureOfOneThatHasNotBegunKeepsIt) {
  run([] {
    Gate* made = new Gate;
    uint64_t id = start_and_park([made] { made->wait(); });
    // It is queued, and nobody else has the address: only the record does.
    std::atomic<bool> ran{false};
    go([gate = std::exchange(made, nullptr), &ran] {
      gate->open();
      delete gate;
      ran = true;
    });
    LeakProof proof = prove();
    if (!ran) {
      EXPECT_FALSE(std::binary_search(proof.goroutines.begin(), proof.goroutines.end(), id));
    }
    while (!ran) yield();
  });
}

// The tags that programs keep in addresses.
TEST_F(Leaks, APointerWithTagsCounts) {
  run([] {
    Gate* gate = new Gate;
    uint64_t id = start_and_park([gate] { gate->wait(); });
    volatile uintptr_t tagged = reinterpret_cast<uintptr_t>(gate) | uintptr_t{0xabcd} << 48 | 1;
    gate = nullptr;
    EXPECT_FALSE(proves(id));
    Gate* plain = reinterpret_cast<Gate*>(tagged & (~uintptr_t{0} >> 16) & ~uintptr_t{1});
    plain->open();
    delete plain;
  });
}

TEST_F(Leaks, AThreadOfTheProgramCanCall) {
  Runtime runtime{{.max_procs = 2}};
  auto leak = [&runtime] {
    return runtime.block_on([] { return leak_on_heap(WaitReason::chan_receive); });
  };
  bool found = false;
  std::thread([&] { found = finds_what(leak); }).join();
  EXPECT_EQ(found, searches);
  EXPECT_EQ(finds_what(leak), searches);
}

// Handles that are always on their way from one place to another, with others who allocate: no
// search may see the moment between.
TEST_F(Leaks, AHandleThatMovesIsNeverMissed) {
  run([] {
    constexpr int places = 64;
    static std::atomic<Gate*> place[places];
    std::atomic<bool> stop{false};
    std::atomic<int> movers{0};
    Gate* gate = new Gate;
    uint64_t id = start_and_park([gate] { gate->wait(); });
    place[0] = std::exchange(gate, nullptr);
    for (int i = 0; i < 2; ++i) {
      ++movers;
      go([&] {
        uint32_t random = 1;
        while (!stop) {
          Gate* taken = place[(random = random * 1664525 + 1013904223) >> 26].exchange(nullptr);
          auto block = std::make_unique<Gate*>(taken);
          if (taken == nullptr) continue;
          taken = nullptr;
          random = random * 1664525 + 1013904223;
          place[random >> 26] = *block;
        }
        --movers;
      });
    }
    for (int i = 0; i < 20; ++i) {
      LeakProof proof = prove();
      EXPECT_FALSE(std::binary_search(proof.goroutines.begin(), proof.goroutines.end(), id));
    }
    stop = true;
    while (movers != 0) yield();
    for (auto& each : place)
      if (Gate* last = each.exchange(nullptr)) {
        last->open();
        delete last;
      }
  });
}

// Who knows only the record is about to wake it, on a stack that is a block of malloc's, too.
struct Waker {
  std::atomic<int> phase{0};
  std::atomic<G*> whom{nullptr};
};
void* wake_in_phase_2(void* argument) {
  Waker& waker = *static_cast<Waker*>(argument);
  G* volatile whom = waker.whom.exchange(nullptr);
  waker.phase = 1;
  while (waker.phase != 2) std::this_thread::yield();
  ready(whom);
  return nullptr;
}

TEST_F(Leaks, AStackOfMallocsIsAStack) {
  run([] {
    constexpr size_t bytes = 64 << 10;
    std::unique_ptr<char[]> stack(new char[bytes]());
    static Waker waker;
    uint64_t id = start_and_park([] {
      waker.whom = current();
      park(WaitReason::chan_receive);
    });
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    uintptr_t aligned = (reinterpret_cast<uintptr_t>(stack.get()) + 63) & ~uintptr_t{63};
    ASSERT_EQ(::pthread_attr_setstack(&attributes, reinterpret_cast<void*>(aligned), bytes - 64),
              0);
    pthread_t thread;
    ASSERT_EQ(::pthread_create(&thread, &attributes, wake_in_phase_2, &waker), 0);
    ::pthread_attr_destroy(&attributes);
    while (waker.phase != 1) yield();
    EXPECT_FALSE(proves(id));
    waker.phase = 2;
    blocking([&] { ::pthread_join(thread, nullptr); });
  });
}

// A select that is woken at its first case while it publishes itself at the others is queued before
// it parks, and writes last that it waits.
std::atomic<G*> woken_early{nullptr};
[[gnu::noinline]] void wake_early() {
  G* g = woken_early.exchange(nullptr);
  ready_sectioned(g);
  g->state = GState::waiting;
}

TEST_F(Leaks, WhoIsInARunQueueIsNone) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    bool ended = false;
    uint64_t id = start_and_park([&ended] {
      {
        Section section;
        woken_early = section.g();
        section.park(WaitReason::select);
      }
      ended = true;
    });
    wake_early();
    EXPECT_FALSE(proves(id));
    while (!ended) yield();
  });
}

// As of a program that has given up being root.
TEST_F(Leaks, AProcessThatMayNotReadItselfProvesNothing) {
  if (!searches) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto prove = [] {
    if (::geteuid() == 0 ? ::setuid(65534) != 0 : ::prctl(PR_SET_DUMPABLE, 0) != 0) std::_Exit(2);
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([] {
      static Gate gate;
      start_and_park([] { gate.wait(); });
      LeakProof proof = prove_leaks();
      std::_Exit(proof.goroutines.empty() && !proof.incomplete.empty() ? 0 : 1);
    });
  };
  EXPECT_EXIT(prove(), testing::ExitedWithCode(0), "");
}

TEST_F(Leaks, AThreadThatBlocksTheSignalMakesItIncomplete) {
  if (!searches) return;
  run([] {
    std::atomic<int> phase{0};
    std::thread deaf([&] {
      sigset_t urgent;
      ::sigemptyset(&urgent);
      ::sigaddset(&urgent, SIGURG);
      ::pthread_sigmask(SIG_BLOCK, &urgent, nullptr);
      phase = 1;
      while (phase != 2) std::this_thread::yield();
    });
    blocking([&] {
      while (phase != 1) std::this_thread::yield();
    });
    uint64_t nothing = start_and_park([] {
      for (;;) park(WaitReason::select_no_cases);
    });
    LeakProof proof = prove_leaks();
    EXPECT_EQ(proof.incomplete, "a thread blocks SIGURG");
    EXPECT_EQ(proof.goroutines, std::vector<uint64_t>{nothing});
    phase = 2;
    blocking([&] { deaf.join(); });
  });
}

}  // namespace
}  // namespace sluice::runtime
