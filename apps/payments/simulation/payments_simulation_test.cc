// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/payments/simulation/day_of_retries.h"
#include "apps/payments/simulation/planted.h"
#include "apps/payments/simulation/scenario.h"
#include "apps/payments/simulation/soak.h"
#include "apps/payments/simulation/tally.h"
#include "apps/payments/testing/temp_folder.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {
namespace {

using namespace std::chrono_literals;
using sluice::simulation::Report;
using sluice::simulation::simulate;
using sluice::simulation::SimulateOptions;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif
#else
constexpr bool is_sanitized = false;
#endif

// A run takes ten times as long under a sanitizer.
constexpr uint64_t seeds = is_sanitized ? 60 : 1000;

// `test`: where a failure is to be run again; empty: in the one that runs.
SimulateOptions options(uint64_t count, std::string test = {}) {
  const testing::TestInfo& current = *testing::UnitTest::GetInstance()->current_test_info();
  if (test.empty()) test = current.name();
  SimulateOptions options;
  options.arguments = std::string{"--gtest_filter="} + current.test_suite_name() + '.' + test;
  options.steps_max = 5'000'000;
  options.shrink_time = 6s;
  options.seeds = count;
  return options;
}

void expect_to_hold(bool over_http) {
  const Report report = simulate(options(seeds), [over_http] { run(Scenario::rough(over_http)); });
  std::cout << report.to_string() << tally_text();
  EXPECT_TRUE(report.passed());
}

TEST(PaymentsSimulation, HoldsWhateverFails) { expect_to_hold(false); }

TEST(PaymentsSimulation, HoldsOverHttpWhateverFails) { expect_to_hold(true); }

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = ::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

// `make soak`.
TEST(PaymentsSimulation, Soak) {
  const uint64_t runs = number_from("PAYMENTS_SOAK_RUNS", 0);
  if (runs == 0) GTEST_SKIP() << "PAYMENTS_SOAK_RUNS says how many";
  EXPECT_TRUE(
      soak(runs, static_cast<unsigned>(number_from("PAYMENTS_SOAK_JOBS", 1)), [](bool over_http) {
        return options(0, over_http ? "HoldsOverHttpWhateverFails" : "HoldsWhateverFails");
      }));
}

// Bugs that must be found ------------------------------------------------------------------

// Within so many seeds; a twentieth of them is the rule.
constexpr uint64_t planted_seeds_max = 2000;

// `whats`: what a bug leads to, each of which tells of it.
void expect_to_be_found(Scenario scenario, const std::vector<std::string>& whats) {
  scenario.clients_max = 3;
  scenario.operations_max = 5;
  const Report report = simulate(options(planted_seeds_max), [&] { run(scenario); });
  ASSERT_TRUE(report.failure) << "not found any more: " << report.to_string();
  const sluice::simulation::Failure& found = *report.failure;
  std::cout << "found by seed " << found.seed << ": " << report.to_string();
  EXPECT_TRUE(std::ranges::any_of(whats, [&](const std::string& what) {
    return found.what.starts_with(what);
  })) << found.what;
  EXPECT_LE(found.schedule.size(), found.departures_found);
  EXPECT_FALSE(found.timeline.empty());
}

TEST(PaymentsSimulation, FindsAKeyThatIsLookedUpOutsideOfItsTransaction) {
  Scenario scenario = Scenario::rough(false);
  scenario.execute = execute_carelessly;
  expect_to_be_found(
      scenario,
      {"a key was executed twice", "a key was executed for two requests", "a key has two answers",
       "a key refuses the request that it answered", "audit: not exactly one idempotency record",
       "not what was acknowledged", "a key names something else"});
}

TEST(PaymentsSimulation, FindsAWebhookThatIsMarkedBeforeItsAnswer) {
  Scenario scenario = Scenario::rough(false);
  scenario.deliver = mark_early;
  expect_to_be_found(scenario, {"never delivered", "delivered before an earlier one"});
}

TEST(PaymentsSimulation, FindsAWebhookThatIsForgottenOnRetry) {
  Scenario scenario = Scenario::rough(false);
  scenario.deliver = forget_on_retry;
  expect_to_be_found(scenario, {"never delivered", "delivered before an earlier one"});
}

// The same seed is the same run ------------------------------------------------------------

constexpr const char* trace_file_variable = "PAYMENTS_SIMULATION_TRACE_FILE";

std::string traces() {
  std::string text;
  for (const bool over_http : {false, true})
    for (uint64_t seed = 1; seed <= (is_sanitized ? 3 : 10); ++seed)
      text += sluice::simulation::trace(seed, options(1),
                                        [over_http] { run(Scenario::rough(over_http)); });
  return text;
}

// The other process of the next test.
TEST(PaymentsSimulation, DISABLED_WritesItsTraces) {
  const char* path = ::getenv(trace_file_variable);
  ASSERT_NE(path, nullptr);
  std::ofstream{path} << traces();
}

TEST(PaymentsSimulation, ASeedIsTheSameRunInEveryProcess) {
  const std::string first = traces();
  EXPECT_GT(first.size(), 10'000u);
  EXPECT_TRUE(first == traces()) << "in one process";
  const payments_testing::TempFolder folder;
  const std::string path = folder.file("trace");
  const std::string command = std::string{trace_file_variable} + '=' + path + " /proc/" +
                              std::to_string(::getpid()) +
                              "/exe --gtest_also_run_disabled_tests"
                              " --gtest_filter=*DISABLED_WritesItsTraces > /dev/null";
  ASSERT_EQ(::system(command.c_str()), 0);
  std::ifstream in{path};
  const std::string other{std::istreambuf_iterator<char>{in}, {}};
  EXPECT_TRUE(first == other) << "in two processes";
}

// Of the processor, that children have had: the machine may be busy with other tests.
std::chrono::duration<double> used_by_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const auto in_seconds = [](const timeval& time) {
    return std::chrono::duration<double>(static_cast<double>(time.tv_sec) +
                                         static_cast<double>(time.tv_usec) * 1e-6);
  };
  return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

TEST(PaymentsSimulation, ADayOfRetriesTakesLessThanASecond) {
  const auto before = used_by_children();
  const Report report = simulate(options(1), run_day_of_retries);
  const auto used = used_by_children() - before;
  std::cout << report.to_string();
  ASSERT_TRUE(report.passed());
  EXPECT_GE(report.simulated, 24h);
  const double ratio = std::chrono::duration<double>(report.simulated) / report.took;
  std::cout << "simulated : real = " << static_cast<int64_t>(ratio) << " : 1\n";
  EXPECT_LT(used, is_sanitized ? 60s : 1s);
}

}  // namespace
}  // namespace payments_simulation
