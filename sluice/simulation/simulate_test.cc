// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/simulate.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string_view>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "sluice/base/random.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/poll.h"
#include "sluice/simulation/gtest_simulation.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/semaphore.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation {
namespace {

// Two goroutines count without a lock; most runs do not show it.
void lost_update() {
  sync::WaitGroup group;
  sync::Mutex mutex;
  int count = 0;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      mutex.lock();
      int seen = count;
      mutex.unlock();
      mutex.lock();
      count = seen + 1;
      mutex.unlock();
    });
  group.wait();
  if (count != 2) fail("counted " + std::to_string(count));
}

// Each once, with a timeout, a choice, a latency and randomness.
void something_of_everything() {
  Channel<int> channel(1);
  auto [context, cancel] = with_timeout(Context(), 5ms);
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&, i, context = context] {
      for (int k = 0; k < 4; ++k) {
        bool over = false;
        select(on_send(channel, i), on_receive(context.done(), [&] { over = true; }),
               on_timeout(1ms));
        if (over || random_bits() % 8 == 0) return;
        blocking([] {});
        if (fault(100'000)) note("a fault");
        sleep_for(std::chrono::microseconds(random_bits() % 1000));
      }
    });
  group.go([&, context = context] {
    for (int value : channel.until(context)) note("got " + std::to_string(value));
  });
  group.wait();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Simulate, ReportsWhatItRan) {
  SimulateOptions options;
  options.seeds = 100;
  Report report = simulate(options, something_of_everything);
  EXPECT_TRUE(report.passed()) << report.to_string();
  EXPECT_EQ(report.runs, 100u);
  EXPECT_EQ(report.goroutines, 500u);
  EXPECT_GT(report.steps, 100u * 50);
  EXPECT_GT(report.switches, report.runs);
  EXPECT_GT(report.faults, 0u);
  EXPECT_GT(report.simulated, 100ms);
  EXPECT_TRUE(contains(report.to_string(), "100 runs"));
}

TEST(Simulate, WithoutFaultsNothingFails) {
  SimulateOptions options;
  options.seeds = 100;
  options.faults = false;
  EXPECT_EQ(simulate(options, something_of_everything).faults, 0u);
}

TEST(Simulate, AFailureIsShrunkAndTold) {
  SimulateOptions options;
  options.shrink_time = 1h;
  Report report = simulate(options, lost_update);
  ASSERT_TRUE(report.failure);
  const Failure& failure = *report.failure;
  EXPECT_EQ(report.runs, failure.seed);
  EXPECT_TRUE(contains(failure.what, "counted 1 in goroutine 1")) << failure.what;
  EXPECT_LE(failure.schedule.size(), 2u);
  EXPECT_GE(failure.departures_found, failure.schedule.size());
  EXPECT_TRUE(contains(failure.timeline, "stops in sync::")) << failure.timeline;
  EXPECT_TRUE(contains(failure.timeline, "simulate_test.cc:")) << failure.timeline;
  EXPECT_TRUE(contains(failure.timeline, "> ")) << failure.timeline;
  EXPECT_TRUE(contains(failure.replay, "SLUICE_SIMULATION_SEED=" + std::to_string(failure.seed)));
  EXPECT_TRUE(contains(failure.replay, "SLUICE_SIMULATION_SCHEDULE=" + to_text(failure.schedule)));
}

TEST(Explore, FindsTheFewestDepartures) {
  Report report = explore({}, lost_update);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->schedule.size(), 1u);
  EXPECT_FALSE(contains(report.failure->replay, "SEED"));
}

TEST(Explore, SaysWhenItDidNotTryAll) {
  ExploreOptions options;
  options.schedules_max = 10;
  Report report = explore(options, something_of_everything);
  EXPECT_FALSE(report.complete);
  EXPECT_FALSE(report.passed());
  EXPECT_FALSE(report.failure);
  EXPECT_EQ(report.runs, 10u);
}

// As many as there are: a departure for each point and each other one that could have gone on.
TEST(Explore, CountsEachScheduleOnce) {
  ExploreOptions options;
  options.departures = 0;
  EXPECT_EQ(explore(options, lost_update).runs, 1u);
  options.departures = 1;
  auto harmless = [] {
    go([] { runtime::interleave(); });
    runtime::interleave();
  };
  uint64_t once = explore(options, harmless).runs;
  EXPECT_GT(once, 2u);
  EXPECT_EQ(explore(options, harmless).runs, once);
}

// The environment is this process's; the test's own child has it.
class Replay : public ::testing::Test {
 protected:
  void set(const char* variable, const std::string& value) { ::setenv(variable, value.c_str(), 1); }
  ~Replay() override {
    for (const char* variable :
         {"SLUICE_SIMULATION_SEED", "SLUICE_SIMULATION_SCHEDULE", "SLUICE_SIMULATION_SEEDS",
          "SLUICE_SIMULATION_FIRST", "SLUICE_SIMULATION_TRACE"})
      ::unsetenv(variable);
  }
};

TEST_F(Replay, OfAFailureFailsAlikeInThisProcess) {
  Report found = simulate({}, lost_update);
  ASSERT_TRUE(found.failure);
  set("SLUICE_SIMULATION_SEED", std::to_string(found.failure->seed));
  set("SLUICE_SIMULATION_SCHEDULE", to_text(found.failure->schedule));
  pid_t runs_in = 0;
  Report report = simulate({}, [&] {
    runs_in = ::getpid();
    lost_update();
  });
  EXPECT_EQ(runs_in, ::getpid());
  EXPECT_EQ(report.runs, 1u);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->what, found.failure->what);
  EXPECT_EQ(report.failure->timeline, found.failure->timeline);
}

TEST_F(Replay, OfASeedAloneIsThatRun) {
  Report found = simulate({}, lost_update);
  ASSERT_TRUE(found.failure);
  set("SLUICE_SIMULATION_SEED", std::to_string(found.failure->seed));
  Report report = simulate({}, lost_update);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->schedule.size(), found.failure->departures_found);
}

// trace_processor and Perfetto's page open it (docs/simulation.md); here only: it is there.
TEST_F(Replay, WritesATraceOnRequest) {
  std::string path = ::testing::TempDir() + "simulation.pftrace";
  set("SLUICE_SIMULATION_SEED", "1");
  set("SLUICE_SIMULATION_TRACE", path);
  EXPECT_TRUE(simulate({}, [] {
                set_goroutine_name("the first one");
                note("something to see");
                yield();
              }).passed());
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(contains(bytes, "something to see"));
  EXPECT_TRUE(contains(bytes, "goroutine 1"));
  ::unlink(path.c_str());
}

TEST_F(Replay, TheEnvironmentSaysHowManySeeds) {
  set("SLUICE_SIMULATION_SEEDS", "7");
  set("SLUICE_SIMULATION_FIRST", "1000");
  EXPECT_EQ(simulate({}, [] {}).runs, 7u);
}

TEST_F(Replay, WhatIsNoNumberIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  set("SLUICE_SIMULATION_SEEDS", "many");
  EXPECT_DEATH(simulate({}, [] {}), "SLUICE_SIMULATION_SEEDS: not a number: \"many\"");
  set("SLUICE_SIMULATION_SCHEDULE", "1:0");
  EXPECT_DEATH(simulate({}, [] {}), "SLUICE_SIMULATION_SCHEDULE: .*at character 1: \"1:0\"");
}

Report of_one(const std::function<void()>& body) {
  SimulateOptions options;
  options.seeds = 1;
  return simulate(options, body);
}

TEST(Failures, Deadlock) {
  Report report = simulate({}, [] {
    sync::Mutex a, b;
    sync::WaitGroup group;
    group.go([&] {
      std::lock_guard one(a);
      std::lock_guard two(b);
    });
    group.go([&] {
      std::lock_guard one(b);
      std::lock_guard two(a);
    });
    group.wait();
  });
  ASSERT_TRUE(report.failure);
  const std::string& what = report.failure->what;
  EXPECT_TRUE(contains(what, "deadlock")) << what;
  EXPECT_TRUE(contains(what, "goroutine 3 [sync.Mutex.Lock] in sync::Mutex::lock")) << what;
  EXPECT_TRUE(contains(what, "created by")) << what;
}

TEST(Failures, GoroutinesLeftBehind) {
  Report report = of_one([] {
    go([] {
      set_goroutine_name("waiter");
      Channel<int>().receive();
    });
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "left behind")) << report.failure->what;
  EXPECT_TRUE(contains(report.failure->what, "goroutine 3 (waiter) [chan receive]"))
      << report.failure->what;
}

TEST(Failures, Exception) {
  Report report = of_one([] { throw std::runtime_error("no money"); });
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->what, "uncaught exception in goroutine 1: no money\n");
}

// And not of the runs before.
TEST(Failures, TheOutputOfTheRunIsTold) {
  SimulateOptions options;
  options.seeds = 5;
  Report report = simulate(options, [runs = 0]() mutable {
    std::fprintf(stderr, "run %d\n", ++runs);
    if (runs == 5) ::abort();
  });
  ASSERT_TRUE(report.failure);
  // It was not made again: it depends on how many there were before.
  EXPECT_TRUE(contains(report.failure->what, "run 5")) << report.failure->what;
  EXPECT_FALSE(contains(report.failure->what, "run 4")) << report.failure->what;
}

TEST(Failures, Crash) {
  Report report = of_one([] {
    write(STDERR_FILENO, "about to\n", 9);
    ::abort();
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "signal 6")) << report.failure->what;
  EXPECT_TRUE(contains(report.failure->output, "about to")) << report.failure->output;
  EXPECT_FALSE(report.failure->replay.empty());
}

TEST(Failures, ALoopWithoutAPointHangs) {
  SimulateOptions options;
  options.patience = 300ms;
  options.shrink_time = 1s;
  Report report = simulate(options, [] {
    for (volatile bool forever = true; forever;) {
    }
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "hangs")) << report.failure->what;
}

TEST(Failures, ARunWithoutAnEnd) {
  SimulateOptions options;
  options.steps_max = 1000;
  Report report = simulate(options, [] {
    for (;;) yield();
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "does not end")) << report.failure->what;
}

TEST(Failures, WhatIsNotSimulatedIsNamed) {
  Report report = of_one([] {
    int ends[2];
    if (::pipe(ends) != 0) return;
    runtime::PollDesc poll;
    static_cast<void>(poll.open(ends[0]));
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "not simulated: a descriptor of the system"))
      << report.failure->what;
}

TEST(Failures, AnEndOfItsOwnIsOne) {
  Report report = of_one([] { ::_exit(0); });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "an exit of its own")) << report.failure->what;
}

TEST(Failures, AVerdictThatThrowsIsOne) {
  SimulateOptions options;
  options.verdict = []() -> std::string { throw std::runtime_error("no verdict"); };
  Report report = simulate(options, [] {});
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "signal 6")) << report.failure->what;
}

// Of two bugs the one that was found is told, also where the other one takes fewer departures.
TEST(Failures, ShrinkingKeepsToTheSameOne) {
  SimulateOptions options;
  auto two_bugs = [] {
    Channel<int> never;
    bool first = false, second = false;
    go([&] { first = true; });
    runtime::interleave();
    if (first) never.receive();  // one departure
    go([&] { second = true; });
    runtime::interleave();
    runtime::interleave();
    if (second && fault(500'000)) sync::Semaphore(0).acquire();  // two
  };
  int failures = 0;
  for (options.first_seed = 1; failures < 4; ++options.first_seed) {
    options.seeds = 1;
    options.shrink_time = Duration::zero();
    Report found = simulate(options, two_bugs);
    if (!found.failure) continue;
    ++failures;
    options.shrink_time = 1s;
    Report shrunk = simulate(options, two_bugs);
    EXPECT_EQ(contains(shrunk.failure->what, "[semacquire"),
              contains(found.failure->what, "[semacquire"))
        << found.failure->what << shrunk.failure->what;
  }
}

// Who polls does not keep the others from running, without any departure.
TEST(Explore, WhoPollsComesToItsEnd) {
  ExploreOptions options;
  options.departures = 0;
  testing::explore(options, [] {
    auto [context, cancel] = with_timeout(Context(), 5ms);
    while (!context.cancelled()) {
    }
    sync::Mutex mutex;
    bool flag = false;
    sync::WaitGroup group;
    for (int i = 0; i < 6; ++i)
      group.go([&] {
        while (!flag)
          if (mutex.try_lock()) mutex.unlock();
      });
    group.go([&] { flag = true; });
    group.wait();
  });
}

// The n-th run of this process fails, whatever the seed.
TEST(Failures, AProgramThatIsNotDeterministicIsToldSo) {
  Report report = simulate({}, [runs = 0]() mutable {
    if (++runs == 3) fail("the third");
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "not deterministic")) << report.failure->what;
}

TEST(Trace, OfASeedIsAlwaysTheSame) {
  std::set<std::string> different;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    std::string first = trace(seed, {}, something_of_everything);
    EXPECT_EQ(trace(seed, {}, something_of_everything), first);
    different.insert(first);
  }
  EXPECT_GT(different.size(), 95u);
}

// What ran before in the process decides nothing.
TEST(Trace, OfASeedIsTheSameInAFreshProcess) {
  std::vector<const internal::TestProgram*> programs;
  for (const auto* each :
       {&internal::channel_programs(), &internal::context_programs(), &internal::sync_programs()})
    for (const internal::TestProgram& program : *each) programs.push_back(&program);
  SimulateOptions all, one;
  all.seeds = 10;
  one.seeds = 1;
  for (const internal::TestProgram* program : programs) {
    uint64_t hash = 0;
    for (one.first_seed = 1; one.first_seed <= all.seeds; ++one.first_seed)
      hash = hash * 31 + simulate(one, program->body).trace_hash;
    EXPECT_EQ(simulate(all, program->body).trace_hash, hash) << program->name;
  }
}

// In every build: by GCC and clang, with optimization and without, under the sanitizers. Who adds a
// point to a primitive, or takes one away, finds the new number in the message.
TEST(Trace, OfAHundredSeedsIsTheSameInEveryBuild) {
  SimulateOptions options;
  options.seeds = 100;
  EXPECT_EQ(simulate(options, something_of_everything).trace_hash, 16517245684520378141u);
}

TEST(Trace, SaysWhatHappened) {
  std::string text = trace(1, {}, [] {
    note("here");
    sleep_for(1s);
    note("there");
  });
  EXPECT_TRUE(contains(text, " 1 here\n")) << text;
  EXPECT_TRUE(text.starts_with("0 ")) << text;
  size_t last = text.rfind('\n', text.find(" 1 there")) + 1;
  EXPECT_GE(std::stoull(text.substr(last)), 1'000'000'000u) << text;
}

TEST(SimulatedTime, ADayOfRetriesTakesLessThanASecond) {
  SimulateOptions options;
  options.seeds = 1;
  Report report = simulate(options, [] {
    int attempts = 0;
    Instant until = now() + 24h;
    for (Duration pause = 100ms; now() < until; pause = std::min<Duration>(pause * 2, 1min)) {
      ++attempts;
      sleep_for(pause);
    }
    if (attempts < 24 * 60) fail("only " + std::to_string(attempts) + " attempts");
  });
  EXPECT_TRUE(report.passed()) << report.to_string();
  EXPECT_GE(report.simulated, 24h);
  std::printf("24 h of retries: %.1f ms\n",
              std::chrono::duration<double, std::milli>(report.took).count());
}

TEST(OutsideOfASimulation, NothingIsSimulated) {
  EXPECT_FALSE(is_simulated());
  EXPECT_FALSE(fault(1'000'000));
  note("nobody listens");
  EXPECT_DEATH(fail("it is wrong"), "it is wrong");
}

// The run is in a child, where the failed expectation stays.
TEST(InGoogleTest, AFailedExpectationFailsTheRun) {
  Report report = simulate(testing::internal::for_this_test(SimulateOptions{}),
                           [] { EXPECT_EQ(1 + 1, 3) << "arithmetic"; });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "arithmetic")) << report.failure->what;
  EXPECT_TRUE(contains(report.failure->what, "simulate_test.cc:")) << report.failure->what;
  EXPECT_TRUE(contains(report.failure->replay,
                       "--gtest_filter=InGoogleTest.AFailedExpectationFailsTheRun"));
}

TEST(InGoogleTest, AFailedRunFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(testing::simulate({}, lost_update), "counted 1");
  EXPECT_NONFATAL_FAILURE(testing::explore({}, lost_update), "counted 1");
}

TEST(InGoogleTest, WhatPassesPasses) {
  SimulateOptions options;
  options.seeds = 10;
  Report report = testing::simulate(options, [] { EXPECT_TRUE(is_simulated()); });
  EXPECT_EQ(report.runs, 10u);
}

}  // namespace
}  // namespace sluice::simulation
