// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

namespace sluice {

// A function given to after_func() whose context has not ended, and that nobody has stopped.
struct WaitingFunc {
  uint64_t id = 0;           // of this one alone
  uintptr_t created_by = 0;  // return address into who called after_func()
};

// All of them, by id: for who looks for leaks. On a context that never ends none waits.
// Thread-safety: from anywhere; others come and go meanwhile.
std::vector<WaitingFunc> waiting_funcs();

}  // namespace sluice
