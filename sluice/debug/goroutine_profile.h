// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

// The dump as a profile that `go tool pprof` opens: profile.proto (github.com/google/pprof), gzip.
// One sample for each stack with its label and state ("name", "state" among pprof's tags), whose
// value is the number of goroutines. Symbols are in it: the program itself is not needed to read
// it. Stacks are those of write_stacks(), without the scheduler's frames; a goroutine that has not
// begun counts for the place that created it.
// `what`: the name of what is counted.
std::string goroutine_profile(const runtime::GoroutineDump& dump,
                              std::string_view what = "goroutine");

}  // namespace sluice::debug
