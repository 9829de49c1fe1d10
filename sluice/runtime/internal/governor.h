// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/runtime/memory.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {

// The memory governor: one thread looks how much memory is used of the limit, and publishes that as
// memory_pressure(); another has idle memory given back: under pressure at once and all of it;
// without, once a second, what nobody used since and is beyond SLUICE_POOLGC. They are two, because
// draining can take long: listeners may be slow, and malloc_trim is for a large heap.
//
// What it costs: a look is a system call or two, every 5 to 100 ms, the oftener the nearer the
// limit is; once a second while sysmon sleeps, i.e. all goroutines wait, for other threads and
// processes may still use memory up. Without a limit nobody looks, and the other sleeps as long as
// sysmon does. Draining takes at most a twentieth of a CPU: what took long is not done soon again.
// Rejected: sysmon doing it, for draining takes milliseconds and sysmon's period is one; triggers
// of the kernel (memory.pressure, i.e. PSI, and memory.events), for nothing stalls or is reclaimed
// while anonymous memory grows without swap, up to the moment of the kill.
// M_TRIM_THRESHOLD stays as it is: setting it also ends glibc's adapting of the threshold from
// which it maps blocks one by one. malloc_trim under pressure gives back more anyway.

// `options` complete. The first look is over when it returns.
void start_governor(const RuntimeOptions& options);
void stop_governor();
// After sysmon slept: something runs again.
void wake_governor();

}  // namespace sluice::runtime
