// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <errno.h>
#include <unistd.h>

#include <cstddef>
#include <string_view>

namespace sluice::debug::internal {

// Writes all of `text`; false: standard error takes no more. Allocates nothing.
inline bool print_to_standard_error(std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace sluice::debug::internal
