// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/memory.h"

namespace sluice::runtime {

// Tells every MemoryListener. For one thread, the governor's.
void tell_listeners(MemoryNotice notice);
// Whether there is one, who may do whatever it likes, such as wake a goroutine.
bool has_listeners();

}  // namespace sluice::runtime
