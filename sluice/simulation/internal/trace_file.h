// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/result.h"
#include "sluice/simulation/internal/shared_run.h"

namespace sluice::simulation::internal {

// Writes what a recorded run did to a file that Perfetto opens: a track for each goroutine with its
// turns, where each one stopped, what was noted, and where somebody departed from the harmless
// schedule. Times are those since the run's begin. Errors: what the system says of the file.
Result<void> write_trace_file(const SharedRun& run, const std::string& path);

}  // namespace sluice::simulation::internal
