// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::runtime {

// For each new thread of the runtime, on that thread: if samples of the CPU are taken just now
// (cpu_samples.h), it is sampled from here on. Otherwise one load.
void sample_this_thread();

// Whether that thread has its timer.
bool is_sampled(int tid);

}  // namespace sluice::runtime
