// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

// Ends the process when `condition` is false: for bugs of ours or of our caller, on in every build,
// never for what a peer or the environment can cause (that is an Error).
//   SLUICE_ASSERT(begin <= end);
//   SLUICE_ASSERT(!closed_, "close of a closed channel");
// Prints one line with file, line, condition and message to standard error, then aborts.
#define SLUICE_ASSERT(condition, ...)                             \
  (__builtin_expect(static_cast<bool>(condition), true)           \
       ? static_cast<void>(0)                                     \
       : ::sluice::internal::assertion_failed(__FILE__, __LINE__, \
                                              #condition __VA_OPT__(, ) __VA_ARGS__))

namespace sluice {

// Prints "sluice: fatal: <message>" to standard error as one write and aborts.
// Allocates nothing and takes no lock: it may be called from a signal handler.
[[noreturn, gnu::cold]] void fatal(std::string_view message);

namespace internal {
[[noreturn, gnu::cold]] void assertion_failed(const char* file, int line, const char* condition,
                                              std::string_view message = {});
}  // namespace internal
}  // namespace sluice
