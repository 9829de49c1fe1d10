// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/heap/profile.h"

namespace sluice::debug {

// Who allocates, by function and line, for people:
//
//   3 allocations, 112 bytes
//          2          80 B  app::take src/app.cc:12 < app::serve src/app.cc:40 < main src/main.cc:7
//          1          32 B  ...
//
// The most frequent first; those with the same caller of operator new at the same line are one,
// shown with the callers of the most frequent. With `operations` figures are for each of them:
// "1.50 allocs/op, 56.0 B/op". What allocates within the standard library is put down to its
// caller.
std::string allocation_report(const heap::HeapProfile& profile, uint64_t operations = 0);

}  // namespace sluice::debug
