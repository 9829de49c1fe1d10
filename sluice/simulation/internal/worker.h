// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>

#include "sluice/base/time.h"
#include "sluice/simulation/internal/shared_run.h"

namespace sluice::simulation::internal {

// What became of a process that worked.
struct WorkEnd {
  bool crashed = false;
  bool hung = false;
  std::string how;     // it ended, if not well
  std::string output;  // the end of what it wrote to standard output and error
};

// In a child that works: forgets what was written so far, so that of many runs the last one's
// output is left. Elsewhere nothing.
void forget_output();

// Does `work` in a child, which ends with it, and waits. A child that spends `patience` of CPU time
// without a beat, or sleeps for long, is killed. Its output is kept from the terminal.
WorkEnd work_in_child(SharedRun& run, Duration patience, const std::function<void()>& work);

}  // namespace sluice::simulation::internal
