// SPDX-License-Identifier: Apache-2.0

// Our own primitives, and small programs with and without bugs, with every atomic operation as a
// point: the test is linked with copies of the primitives that are compiled for it.

#include "sluice/simulation/instrumented.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/wait_group.h"

namespace sluice::simulation {
namespace {

// `make explore` goes one departure deeper, and gives up a program after so many schedules.
uint64_t deeper_schedules() {
  const char* text = std::getenv("SLUICE_EXPLORE_DEEPER");
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

void explore_all(const std::vector<internal::TestProgram>& programs) {
  for (const internal::TestProgram& program : programs) {
    ExploreOptions options;
    options.departures = program.departures;
    if (uint64_t schedules = deeper_schedules(); schedules != 0) {
      ++options.departures;
      options.schedules_max = schedules;
    }
    Report report = explore(options, program.body);
    bool gave_up = !report.failure && report.runs == options.schedules_max;
    EXPECT_TRUE(report.passed() || gave_up) << program.name << ": " << report.to_string();
    std::printf("%-40s %u departures %8llu schedules%c %6.1f points each %6.2f s\n", program.name,
                options.departures, static_cast<unsigned long long>(report.runs),
                gave_up ? '+' : ' ',
                static_cast<double>(report.steps) / static_cast<double>(report.runs),
                std::chrono::duration<double>(report.took).count());
  }
}

TEST(Primitives, Channels) { explore_all(internal::channel_programs()); }
TEST(Primitives, Contexts) { explore_all(internal::context_programs()); }
TEST(Primitives, Sync) { explore_all(internal::sync_programs()); }
TEST(Primitives, Races) { explore_all(internal::race_programs()); }
TEST(Primitives, Reclaiming) { explore_all(internal::reclaim_programs()); }
TEST(Primitives, RacesWithWeakExchangesThatFail) {
  fail_weak_exchanges(true);
  explore_all(internal::race_programs());
  fail_weak_exchanges(false);
}

Report explored(const std::function<void()>& body) { return explore(ExploreOptions(), body); }

void expect_found(const Report& report, std::string_view what) {
  ASSERT_TRUE(report.failure) << "the bug is no longer found";
  EXPECT_NE(report.failure->what.find(what), std::string::npos) << report.to_string();
}

// Stacks of the nodes 1 .. 3, by number, which nobody frees.
struct Nodes {
  std::array<std::atomic<uint32_t>, 4> next{};
};

// Treiber's, as it is often written: whoever was interrupted in pop() does not see that the top has
// gone and come back meanwhile, with another one below it.
struct StackWithAba : Nodes {
  std::atomic<uint32_t> top{0};

  void push(uint32_t node) {
    uint32_t seen = top;
    do next[node] = seen;
    while (!top.compare_exchange_weak(seen, node));
  }
  uint32_t pop() {
    uint32_t seen = top;
    while (seen != 0 && !top.compare_exchange_weak(seen, next[seen])) {
    }
    return seen;
  }
};

// The same with a count of changes beside the number.
struct StackWithTag : Nodes {
  std::atomic<uint64_t> top{0};

  static uint64_t changed(uint64_t seen, uint64_t node) { return ((seen >> 32) + 1) << 32 | node; }
  void push(uint32_t node) {
    uint64_t seen = top;
    do next[node] = static_cast<uint32_t>(seen);
    while (!top.compare_exchange_weak(seen, changed(seen, node)));
  }
  uint32_t pop() {
    uint64_t seen = top;
    while (static_cast<uint32_t>(seen) != 0 &&
           !top.compare_exchange_weak(seen, changed(seen, next[static_cast<uint32_t>(seen)]))) {
    }
    return static_cast<uint32_t>(seen);
  }
};

template <class Stack>
void each_node_is_had_once() {
  Stack stack;
  for (uint32_t node : {3u, 2u, 1u}) stack.push(node);
  int had[4] = {};
  sync::WaitGroup group;
  group.go([&] { ++had[stack.pop()]; });
  group.go([&] {
    uint32_t first = stack.pop();
    ++had[stack.pop()];
    if (first != 0) stack.push(first);
  });
  group.wait();
  while (uint32_t node = stack.pop())
    if (++had[node] > 1) fail("a node is had twice");
  if (had[1] + had[2] + had[3] != 3) fail("a node is lost");
}

TEST(Instrumented, FindsAbaInAStack) {
  expect_found(explored(each_node_is_had_once<StackWithAba>), "a node is");
}
TEST(Instrumented, PassesAStackWithTags) {
  Report report = explored(each_node_is_had_once<StackWithTag>);
  EXPECT_TRUE(report.passed()) << report.to_string();
}

// Two goroutines exclude each other; `enter(mine)` waits awake.
template <class Lock>
void two_exclude() {
  Lock lock;
  std::atomic<int> inside{0};
  sync::WaitGroup group;
  for (int mine : {0, 1})
    group.go([&, mine] {
      lock.enter(mine);
      if (inside.fetch_add(1) != 0) fail("two are inside");
      inside.fetch_sub(1);
      lock.leave(mine);
    });
  group.wait();
}

struct Peterson {
  std::atomic<bool> wants[2]{};
  std::atomic<int> turn{0};

  void enter(int mine) {
    wants[mine] = true;
    turn = 1 - mine;
    while (wants[1 - mine] && turn == 1 - mine) {
    }
  }
  void leave(int mine) { wants[mine] = false; }
};

// Says whose turn it is before it says that it wants to.
struct PetersonTheOtherWayRound : Peterson {
  void enter(int mine) {
    turn = 1 - mine;
    wants[mine] = true;
    while (wants[1 - mine] && turn == 1 - mine) {
    }
  }
};

// Without a turn: both can wait for each other for ever.
struct DekkerWithoutATurn : Peterson {
  void enter(int mine) {
    wants[mine] = true;
    while (wants[1 - mine]) {
    }
  }
};

struct TestAndSet {
  std::atomic_flag taken = ATOMIC_FLAG_INIT;

  void enter(int) {
    while (taken.test_and_set()) {
    }
  }
  void leave(int) { taken.clear(); }
};

// Looks, and then takes it.
struct TestThenSet : TestAndSet {
  void enter(int) {
    while (taken.test()) {
    }
    taken.test_and_set();
  }
};

TEST(Instrumented, FindsTwoInsideBrokenLocks) {
  expect_found(explored(two_exclude<PetersonTheOtherWayRound>), "two are inside");
  expect_found(explored(two_exclude<TestThenSet>), "two are inside");
}
TEST(Instrumented, FindsTwoThatWaitAwakeForEachOther) {
  ExploreOptions options;
  options.steps_max = 10'000;
  expect_found(explore(options, two_exclude<DekkerWithoutATurn>), "does not end");
}
// Whoever waits awake is not asked again and again: its loop is left to the others.
TEST(Instrumented, PassesLocksThatWaitAwake) {
  for (const Report& report :
       {explored(two_exclude<Peterson>), explored(two_exclude<TestAndSet>)}) {
    EXPECT_TRUE(report.passed()) << report.to_string();
    EXPECT_LT(report.steps / report.runs, 100u);
  }
}

TEST(Instrumented, WeakExchangesFailOnlyIfToldTo) {
#ifdef __clang__
  GTEST_SKIP() << "clang calls the same function for weak ones and strong ones";
#endif
  auto once = [] {
    std::atomic<int> word{0};
    int expected = 0;
    if (!word.compare_exchange_weak(expected, 1)) fail("nobody changed it");
  };
  auto until_it_is_done = [] {
    std::atomic<int> word{0};
    int expected = 0;
    while (!word.compare_exchange_weak(expected, 1))
      if (expected != 0) fail("it failed, and says otherwise");
  };
  EXPECT_TRUE(explored(once).passed());
  fail_weak_exchanges(true);
  expect_found(explored(once), "nobody changed it");
  EXPECT_TRUE(explored(until_it_is_done).passed());
  fail_weak_exchanges(false);
}

// What the functions do besides being points, of one width. By the compiler's names: there is no
// std::atomic of 16 bytes without another library.
template <class T>
bool operations_are_right() {
  constexpr T all = static_cast<T>(~T{0});
  T word = 5;
  bool right = __atomic_load_n(&word, __ATOMIC_RELAXED) == 5;
  __atomic_store_n(&word, all, __ATOMIC_RELEASE);
  right &= __atomic_exchange_n(&word, T{12}, __ATOMIC_ACQ_REL) == all;
  right &= __atomic_fetch_add(&word, all, __ATOMIC_SEQ_CST) == 12 && word == 11;
  right &= __atomic_fetch_sub(&word, T{12}, __ATOMIC_SEQ_CST) == 11 && word == all;
  right &= __atomic_fetch_and(&word, T{12}, __ATOMIC_SEQ_CST) == all && word == 12;
  right &= __atomic_fetch_or(&word, T{3}, __ATOMIC_SEQ_CST) == 12 && word == 15;
  right &= __atomic_fetch_xor(&word, T{5}, __ATOMIC_SEQ_CST) == 15 && word == 10;
  right &= __atomic_fetch_nand(&word, T{6}, __ATOMIC_SEQ_CST) == 10;
  right &= word == static_cast<T>(~T{2});
  right &= __atomic_add_fetch(&word, T{5}, __ATOMIC_SEQ_CST) == 2;
  T expected = 3;
  right &= !__atomic_compare_exchange_n(&word, &expected, T{9}, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED);
  right &= expected == 2 && word == 2;
  right &=
      __atomic_compare_exchange_n(&word, &expected, T{9}, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
  right &= __sync_val_compare_and_swap(&word, T{9}, T{7}) == 9 && word == 7;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return right;
}

bool all_operations_are_right() {
#if !defined(__clang__) || defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)  // clang: -mcx16
  if (!operations_are_right<unsigned __int128>()) return false;
#endif
  return operations_are_right<uint8_t>() && operations_are_right<uint16_t>() &&
         operations_are_right<uint32_t>() && operations_are_right<uint64_t>();
}

TEST(Instrumented, OperationsAreRightInASimulationAndWithout) {
  EXPECT_TRUE(all_operations_are_right());
  Report report = explored([] {
    if (!all_operations_are_right()) fail("an operation is wrong");
  });
  EXPECT_TRUE(report.passed()) << report.to_string();
}

// Which of two channels lies where in memory shows in nothing.
TEST(Instrumented, AddressesDecideNothing) {
  auto explored_with_left = [](size_t first_or_second) {
    return explored([=] {
      Channel<int> channels[2];
      Channel<int> left = channels[first_or_second], right = channels[1 - first_or_second];
      sync::WaitGroup group;
      group.go([left, right] { select(on_send(left, 1, [] {}), on_send(right, 2, [] {})); });
      select(on_receive(right, [](int) {}), on_receive(left, [](int) {}));
      group.wait();
    });
  };
  Report one = explored_with_left(0), other = explored_with_left(1);
  EXPECT_TRUE(one.passed()) << one.to_string();
  EXPECT_EQ(one.runs, other.runs);
  EXPECT_EQ(one.trace_hash, other.trace_hash);
}

}  // namespace
}  // namespace sluice::simulation
