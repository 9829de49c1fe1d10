// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "sluice/heap/alloc_scope.h"

namespace sluice::testing {

// What was allocated by `new` while something ran, and by whom. Compares as the number of
// allocations; printed, as GoogleTest does on failure, it tells functions and lines.
class Allocs {
 public:
  Allocs(uint64_t objects, uint64_t bytes, heap::HeapProfile stacks)
      : objects_(objects), bytes_(bytes), stacks_(std::move(stacks)) {}

  uint64_t objects() const { return objects_; }
  uint64_t bytes() const { return bytes_; }
  // debug::allocation_report() of it.
  std::string report(uint64_t operations = 0) const;

  friend bool operator==(const Allocs& a, uint64_t objects) { return a.objects_ == objects; }
  friend auto operator<=>(const Allocs& a, uint64_t objects) { return a.objects_ <=> objects; }
  friend std::ostream& operator<<(std::ostream& out, const Allocs& allocs);

 private:
  uint64_t objects_;
  uint64_t bytes_;
  heap::HeapProfile stacks_;
};

// Runs fn and counts what this goroutine (or thread) allocates meanwhile, exactly:
//
//   EXPECT_EQ(testing::count_allocs([&] { channel.send(1); }), 0u);
//
// The first run of anything may allocate what later ones reuse: run it once before.
template <class F>
Allocs count_allocs(F fn, heap::AllocScope::Of of = heap::AllocScope::Of::caller) {
  heap::AllocScope scope(of, heap::AllocScope::Keep::stacks);
  fn();
  return {scope.objects(), scope.bytes(), scope.stacks()};
}

// The same of the whole process: also of goroutines that answer fn's, or that run for no reason
// of its.
template <class F>
Allocs count_process_allocs(F fn) {
  return count_allocs(std::move(fn), heap::AllocScope::Of::process);
}

}  // namespace sluice::testing
