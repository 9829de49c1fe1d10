// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

// The dump as a profile that `go tool pprof` opens: profile.proto (github.com/google/pprof), gzip.
// One sample for each stack with its label and state ("name", "state" among pprof's tags), whose
// value is the number of goroutines. Symbols are in it: the program itself is not needed to read
// it. Stacks are those of write_stacks(), without the scheduler's frames; a goroutine that has not
// begun counts for the place that created it.
std::string goroutine_profile(const runtime::GoroutineDump& dump);

}  // namespace sluice::debug
