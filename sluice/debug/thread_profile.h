// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace sluice::debug {

// The stacks that led to the scheduling threads that there are now (Go's "threadcreate"; what is
// kept of them is said in runtime/thread_creations.h): as a profile for `go tool pprof`, and as
// Go's text, equal stacks counted.
std::string thread_profile();
std::string thread_profile_text();

}  // namespace sluice::debug
