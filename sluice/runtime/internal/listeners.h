// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/memory.h"

namespace sluice::runtime {

// Tells every MemoryListener. The governor's thread only.
void tell_listeners(MemoryNotice notice);

}  // namespace sluice::runtime
