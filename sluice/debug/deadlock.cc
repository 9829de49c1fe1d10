// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/deadlock.h"

#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/internal/standard_error.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

void print_stacks_on_deadlock() {
  runtime::print_stacks_with(
      [] { write_stacks(runtime::capture_goroutines(), internal::print_to_standard_error); });
}

}  // namespace sluice::debug
