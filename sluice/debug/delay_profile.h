// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "sluice/runtime/wait_profile.h"

namespace sluice::debug {

// A block or mutex profile for `go tool pprof`: gzipped profile.proto with two values for each
// stack, contentions and their delay in nanoseconds; `pprof -sample_index=contentions` shows the
// first. Stacks for which the runtime had no more room are one sample without frames.
std::string delay_profile(const runtime::DelayProfile& profile);

// The same as text, the longest delay first, in the form of Go's debug=1 (runtime/pprof):
// nanoseconds (which Go calls cycles, at so many per second), a count, the return addresses, then
// one line for each of them. `title` is Go's: "contention" for a block profile, "mutex" for a mutex
// profile.
std::string delay_text(std::string_view title, const runtime::DelayProfile& profile);

// What came between two moments.
runtime::DelayProfile difference(const runtime::DelayProfile& after,
                                 const runtime::DelayProfile& before);

}  // namespace sluice::debug
