// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::runtime {

// What SLUICE_DEBUG asks for: name=value pairs with commas between, as in Go's GODEBUG.
struct DebugSettings {
  uint32_t schedtrace_ms = 0;  // a line on the scheduler this often; 0: none
  bool scheddetail = false;    // and one for each P, M and G; means nothing without schedtrace
  // What is idle goes back by MADV_DONTNEED, as in Go since 1.16; 0: by MADV_FREE, which is cheaper
  // for who uses it again soon, and leaves it in the process's size until the system is short.
  bool madvdontneed = true;
};

// Errors: invalid_argument, naming the setting and its value. Unlike Go, which passes over what it
// does not know: a trace that was misspelt should be noticed before the night it is needed.
Result<DebugSettings> parse_debug(std::string_view text);

// That of the variable; without one, all is off.
Result<DebugSettings> debug_settings();

}  // namespace sluice::runtime
