// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/runtime/internal/debug_settings.h"
#include "sluice/runtime/internal/fixed_text.h"

namespace sluice::runtime {

// The scheduler's trace, SLUICE_DEBUG=schedtrace=1000,scheddetail=1: Go's lines (runtime/proc.go,
// schedtrace) on stderr, the first one at once. docs/schedtrace.md says how to read them.
//
// It is written by a thread of its own, which there is only while the trace is on. Not by sysmon,
// as in Go: that sleeps for as long as all is idle, and a stderr that nobody reads would stop it.
// The thread allocates nothing, holds no lock while it writes, and each report is one write(2).

// To be called once the scheduler runs, and before it is taken apart.
void start_trace(const DebugSettings& settings);
void stop_trace();

// One report, `ms` after the first.
void report(FixedText& text, uint64_t ms, bool detail);

}  // namespace sluice::runtime
