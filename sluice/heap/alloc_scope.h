// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/heap/profile.h"

namespace sluice::heap {

// Counts every allocation by `new` while it lives, and on demand by stack: exactly, where the
// profile estimates.
//
//   heap::AllocScope scope{heap::AllocScope::Of::caller};
//   serve(request);
//   EXPECT_EQ(scope.objects(), 0u);
//
// While one lives, every allocation of the process takes some 30 ns more, and with stacks about a
// microsecond: it is for tests, benches and short looks. Up to 16 live at once. `caller` is the
// goroutine that made it, on whichever threads it runs, or the thread. Under AddressSanitizer and
// ThreadSanitizer, malloc() by libraries written in C counts, too.
// Thread-safety: observers at any time; destroyed by anybody, once.
class AllocScope {
 public:
  enum class Of : uint8_t { caller, process };
  enum class Keep : uint8_t { totals, stacks };

  explicit AllocScope(Of of, Keep keep = Keep::totals);
  ~AllocScope();
  AllocScope(const AllocScope&) = delete;
  AllocScope& operator=(const AllocScope&) = delete;

  // So far.
  uint64_t objects() const;
  uint64_t bytes() const;
  // The most objects first; empty without Keep::stacks. Frees are not followed: nothing is in use.
  HeapProfile stacks() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::heap
