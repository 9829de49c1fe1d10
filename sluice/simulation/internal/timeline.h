// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "sluice/simulation/internal/shared_run.h"

namespace sluice::simulation::internal {

// What a run did, for people: who ran, where each one stopped, what was decided otherwise than
// harmlessly (those lines begin with '>'), what was noted. From shortly before the first departure
// on; the middle of a long one is left out.
std::string timeline(const SharedRun& run);

// "goroutine 3 (worker)".
std::string named(uint64_t goroutine, std::string_view label);

// Where a switch's event left the one that ran before: " in Mutex::lock (sema.cc:26), called by
// ...".
std::string where_left(const SharedRun::Event& event);

// Who was left, what each waits for, and where.
std::string unfinished(const SharedRun& run);

}  // namespace sluice::simulation::internal
