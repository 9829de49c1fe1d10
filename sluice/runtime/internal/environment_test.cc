// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/environment.h"

#include <stdlib.h>

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using testing::HasSubstr;

// Sets a variable for one test; null removes it.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name); old != nullptr) old_ = old;
    set(value);
  }
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }

 private:
  void set(const char* value) {
    if (value != nullptr)
      ::setenv(name_, value, 1);
    else
      ::unsetenv(name_);
  }
  const char* const name_;
  std::optional<std::string> old_;
};
class MaxProcs : Variable {
 public:
  explicit MaxProcs(const char* value) : Variable("SLUICE_MAXPROCS", value) {}
};

std::string error_of(RuntimeOptions options) {
  Result<RuntimeOptions> result = complete_options(options);
  if (result.has_value()) return "no error";
  EXPECT_EQ(result.error().code(), Code::invalid_argument);
  return result.error().to_string();
}

TEST(Environment, FillsEveryOptionThatIsLeftOpen) {
  MaxProcs none(nullptr);
  Result<RuntimeOptions> options = complete_options({});
  ASSERT_TRUE(options.has_value());
  EXPECT_GE(options->max_procs, 1);
  EXPECT_GE(options->stack_bytes, size_t{256} << 10);
  EXPECT_EQ(options->goroutines_max, 4'000'000u);
  EXPECT_EQ(options->threads_max, 10'000);
  EXPECT_NE(options->stack_guard, StackGuard::automatic);
}

TEST(Environment, TakesMaxProcsFromTheVariable) {
  MaxProcs seven("7");
  EXPECT_EQ(complete_options({})->max_procs, 7);
}

TEST(Environment, AnOptionInCodeBeatsTheVariable) {
  MaxProcs seven("7");
  EXPECT_EQ(complete_options({.max_procs = 3})->max_procs, 3);
}

TEST(Environment, AnEmptyVariableIsNone) {
  MaxProcs empty("");
  EXPECT_TRUE(complete_options({}).has_value());
}

TEST(Environment, AMalformedVariableIsNamedWithItsValue) {
  for (const char* text :
       {"0", "-1", "two", "2x", " 2", "2 ", "1e3", "1025", "0x10", "99999999999999999999999999"}) {
    MaxProcs bad(text);
    EXPECT_THAT(error_of({}), HasSubstr("SLUICE_MAXPROCS=" + std::string(text) + ":"));
    EXPECT_THAT(error_of({}), HasSubstr("from 1 to 1024"));
  }
}

TEST(Environment, TakesTheMemoryLimitFromTheVariable) {
  Variable limit("SLUICE_MEMLIMIT", "300MiB");
  EXPECT_EQ(complete_options({})->memory_limit_bytes, 300u << 20);
  EXPECT_EQ(complete_options({.memory_limit_bytes = 5})->memory_limit_bytes, 5u);
  Variable off("SLUICE_MEMLIMIT", "off");
  EXPECT_EQ(complete_options({})->memory_limit_bytes, UINT64_MAX);
  Variable none("SLUICE_MEMLIMIT", nullptr);
  EXPECT_EQ(complete_options({})->memory_limit_bytes, 0u) << "the cgroup's alone";
}

TEST(Environment, AMalformedMemoryLimitIsNamedWithItsValue) {
  for (const char* text : {"lots", "512MB", "-1", "512"}) {
    Variable bad("SLUICE_MEMLIMIT", text);
    EXPECT_THAT(error_of({}), HasSubstr("SLUICE_MEMLIMIT=" + std::string(text) + ": must be"));
  }
}

TEST(Environment, TakesTheIdlePercentageFromTheVariable) {
  Variable percent("SLUICE_POOLGC", "50");
  EXPECT_EQ(complete_options({})->pool_gc_percent, 50u);
  EXPECT_EQ(complete_options({.pool_gc_percent = 7})->pool_gc_percent, 7u);
  Variable off("SLUICE_POOLGC", "off");
  EXPECT_EQ(complete_options({})->pool_gc_percent, UINT32_MAX);
  Variable none("SLUICE_POOLGC", nullptr);
  EXPECT_EQ(complete_options({})->pool_gc_percent, 100u);
}

TEST(Environment, AMalformedIdlePercentageIsNamedWithItsValue) {
  for (const char* text : {"0", "-1", "50%", "10001", "OFF"}) {
    Variable bad("SLUICE_POOLGC", text);
    EXPECT_THAT(error_of({}), HasSubstr("SLUICE_POOLGC=" + std::string(text) +
                                        ": must be a whole number from 1 to 10000, or off"));
  }
}

TEST(Environment, ABadOptionIsNamedWithItsValue) {
  EXPECT_THAT(error_of({.max_procs = -3}), HasSubstr("RuntimeOptions::max_procs=-3:"));
  EXPECT_THAT(error_of({.max_procs = 1025}), HasSubstr("RuntimeOptions::max_procs=1025:"));
  for (size_t bytes : {size_t{1}, size_t{16384}, size_t{100'000}, size_t{1} << 29})
    EXPECT_THAT(error_of({.max_procs = 1, .stack_bytes = bytes}),
                HasSubstr("RuntimeOptions::stack_bytes=" + std::to_string(bytes) + ":"));
  EXPECT_THAT(error_of({.max_procs = 4, .threads_max = 4}),
              HasSubstr("RuntimeOptions::threads_max=4:"));
  EXPECT_THAT(error_of({.max_procs = 4, .threads_max = -1}),
              HasSubstr("RuntimeOptions::threads_max=-1:"));
}

TEST(Environment, ParsesTheWholeRangeAndNothingBeyond) {
  EXPECT_EQ(*parse_number("N", "18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(*parse_number("N", "5", 5, 5), 5u);
  EXPECT_FALSE(parse_number("N", "18446744073709551616", 0, UINT64_MAX).has_value());
  EXPECT_FALSE(parse_number("N", "", 0, 9).has_value());
  EXPECT_FALSE(parse_number("N", "+1", 0, 9).has_value());
  EXPECT_EQ(parse_number("N", "6", 1, 5).error().message(),
            "N=6: must be a whole number from 1 to 5");
}

}  // namespace
}  // namespace sluice::runtime
