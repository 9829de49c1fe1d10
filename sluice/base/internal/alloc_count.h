// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::internal {

// How often this thread has called operator new since it began. For the tests and benches that say
// "allocates nothing": alloc_count.cc replaces the global operators of the program it is linked to.
uint64_t alloc_count();

}  // namespace sluice::internal
