// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "sluice/simulation/simulate.h"

namespace sluice::testing {

namespace internal {

// The failures of the test that runs, in words.
inline std::string failures_so_far() {
  std::string text;
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  for (int i = 0; i < test->result()->total_part_count(); ++i) {
    const ::testing::TestPartResult& part = test->result()->GetTestPartResult(i);
    if (!part.failed()) continue;
    const char* file = part.file_name();
    text += std::string(file != nullptr ? file : "?") + ':' + std::to_string(part.line_number()) +
            ": " + part.message() + '\n';
  }
  return text;
}

template <class Options>
Options for_this_test(Options options) {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  if (options.arguments.empty())
    options.arguments =
        std::string("--gtest_filter=") + test->test_suite_name() + '.' + test->name();
  auto verdict = std::move(options.verdict);
  options.verdict = [verdict = std::move(verdict), before = failures_so_far()] {
    std::string failures = failures_so_far().substr(before.size());
    return failures.empty() && verdict ? verdict() : failures;
  };
  return options;
}

inline simulation::Report expect_passed(simulation::Report report) {
  if (!report.passed()) ADD_FAILURE() << report.to_string();
  return report;
}

}  // namespace internal

// As the functions of that name; whatever they find fails the test.
inline simulation::Report simulate(const simulation::SimulateOptions& options,
                                   const std::function<void()>& body) {
  return internal::expect_passed(simulation::simulate(internal::for_this_test(options), body));
}
inline simulation::Report explore(const simulation::ExploreOptions& options,
                                  const std::function<void()>& body) {
  return internal::expect_passed(simulation::explore(internal::for_this_test(options), body));
}

}  // namespace sluice::testing
