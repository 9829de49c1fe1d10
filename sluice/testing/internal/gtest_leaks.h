// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <source_location>
#include <string>
#include <utility>

#include "sluice/testing/goroutine_leaks.h"

#if __has_include(<gtest/gtest.h>)
#include <gtest/gtest.h>

namespace sluice::testing {

namespace internal {
inline void fail_if_left(const LeakBaseline& baseline, const LeakOptions& options, const char* file,
                         int line) {
  std::string leaks = describe_leaks(baseline, options);
  if (!leaks.empty()) ADD_FAILURE_AT(file, line) << leaks;
}
}  // namespace internal

// Fails the test if anything is left but the calling goroutine: describe_leaks() says what. A
// failure is one of the line that calls.
inline void verify_no_leaks(const LeakOptions& options = {}, const LeakBaseline& baseline = {},
                            std::source_location here = std::source_location::current()) {
  internal::fail_if_left(baseline, options, here.file_name(), static_cast<int>(here.line()));
}

// Verifies at the end of a scope that nothing is left that was not there at its beginning. A
// failure is one of the line that has the check.
class LeakCheck {
 public:
  explicit LeakCheck(LeakOptions options = {},
                     std::source_location here = std::source_location::current())
      : options_(std::move(options)), here_(here), baseline_(LeakBaseline::take()) {}
  LeakCheck(const LeakCheck&) = delete;
  LeakCheck& operator=(const LeakCheck&) = delete;
  ~LeakCheck() { verify_no_leaks(options_, baseline_, here_); }

 private:
  const LeakOptions options_;
  const std::source_location here_;
  const LeakBaseline baseline_;
};

// Does so for every test.
class LeakListener : public ::testing::EmptyTestEventListener {
 public:
  explicit LeakListener(LeakOptions options = {}) : options_(std::move(options)) {}

  void OnTestStart(const ::testing::TestInfo&) override { baseline_ = LeakBaseline::take(); }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    internal::fail_if_left(baseline_, options_, test.file(), test.line());
  }

 private:
  const LeakOptions options_;
  LeakBaseline baseline_;
};

// Does so once, for all tests together: what one leaves and a later one ends is no leak.
class LeakEnvironment : public ::testing::Environment {
 public:
  explicit LeakEnvironment(LeakOptions options = {}) : options_(std::move(options)) {}

  void SetUp() override { baseline_ = LeakBaseline::take(); }
  void TearDown() override { verify_no_leaks(options_, baseline_); }

 private:
  const LeakOptions options_;
  LeakBaseline baseline_;
};

// To be called in main(), between InitGoogleTest and RUN_ALL_TESTS. The first is for suites whose
// tests are to leave nothing each; a failure names the test.
inline void verify_no_leaks_in_each_test(LeakOptions options = {}) {
  ::testing::UnitTest::GetInstance()->listeners().Append(new LeakListener(std::move(options)));
}
inline void verify_no_leaks_in_the_end(LeakOptions options = {}) {
  ::testing::AddGlobalTestEnvironment(new LeakEnvironment(std::move(options)));
}

}  // namespace sluice::testing
#endif
