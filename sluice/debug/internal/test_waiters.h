// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string_view>

#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug::internal {

// For tests: returns once `count` goroutines named "waiter" are parked.
inline void wait_for_waiters(size_t count) {
  for (size_t parked = 0; parked != count; yield()) {
    parked = 0;
    for (const runtime::Goroutine& goroutine : runtime::capture_goroutines().goroutines)
      parked += std::string_view(goroutine.label) == "waiter" &&
                goroutine.state == runtime::GoroutineState::waiting;
  }
}

}  // namespace sluice::debug::internal
