// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/heap/profile.h"

namespace sluice::debug {

// What a tool shows of a heap profile before it is asked for something else.
enum class HeapFocus : uint8_t {
  inuse,  // bytes that are in use
  alloc,  // bytes that were allocated, freed or not
};

// The profile for `go tool pprof`: alloc_objects, alloc_space, inuse_objects and inuse_space of
// each stack, without frames of the hook. Symbols are in it.
std::string heap_profile(const heap::HeapProfile& profile, HeapFocus focus);

// The same as text, in the form of Go's debug=1 (runtime/pprof, writeHeap), and then what is known
// of the process's memory. Unlike Go's, the figures are scaled already (hence "@ heapprofile"), and
// `go tool pprof` reads them so.
std::string heap_text(const heap::HeapProfile& profile);

}  // namespace sluice::debug
