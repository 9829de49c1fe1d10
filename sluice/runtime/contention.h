// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/time.h"

namespace sluice::runtime {

// To be called by who has just unlocked something that somebody waited for since `since`: it goes
// into mutex_profile(). Never blocks; any thread, though only goroutines are counted.
void count_contention(Instant since);

}  // namespace sluice::runtime
