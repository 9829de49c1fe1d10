// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"
#include "sluice/runtime/internal/p.h"

namespace sluice::runtime {

// What the last failed spawn said. Process-wide: racing failures differ at most in their figures.
Error last_spawn_error();
void set_spawn_error(Error error);

// To be called when stack_pool was (re)selected: every record gets a stack there, plus
// `extra_stacks` that may sit in caches. Errors: resource_exhausted.
Result<void> pair_records_with_stacks(uint32_t extra_stacks);

// Gives a P's caches back, at shutdown.
void drain_caches(P* p);

}  // namespace sluice::runtime
