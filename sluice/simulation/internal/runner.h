// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>

#include "sluice/simulation/internal/decider.h"
#include "sluice/simulation/internal/shared_run.h"
#include "sluice/simulation/internal/worker.h"
#include "sluice/simulation/simulate.h"

namespace sluice::simulation::internal {

// What is simulated, and how.
struct Program {
  Setup setup;
  uint32_t stalls_per_million = 0;
  const std::function<void()>& body;
  bool faults = true;  // where decisions are random
  Duration stall_max = std::chrono::milliseconds(10);
};

// Runs it once, on this thread, and records in `run` what became of it.
void run_once(const Program& program, uint64_t seed, NumberingDecider& decider, SharedRun& run);

// What is wrong with a run that was recorded, in words. `end`: of the process that made it.
std::string describe(const SharedRun& run, const WorkEnd& end);

// The run of `run` has failed: finds a schedule of fewer departures that fails alike, and tells of
// it. `run` is overwritten.
Failure explain(const Program& program, SharedRun& run, const WorkEnd& end, bool seeded);

}  // namespace sluice::simulation::internal
