// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/function.h"

#include "sluice/base/assert.h"

namespace sluice::internal {

void call_of_empty_function() { fatal("call of an empty Function"); }

}  // namespace sluice::internal
