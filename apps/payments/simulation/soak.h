// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>

#include "sluice/simulation/simulate.h"

namespace payments_simulation {

// Simulates so many runs in all, in `jobs` processes, half of them over HTTP, and prints from time
// to time, and at the end, what they did and what failed in them. `options` of some seeds, for the
// command that runs a failure again. False: a run was wrong, which has been told.
bool soak(uint64_t runs, unsigned jobs,
          const std::function<sluice::simulation::SimulateOptions(bool over_http)>& options);

}  // namespace payments_simulation
