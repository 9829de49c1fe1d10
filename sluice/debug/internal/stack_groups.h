// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/runtime/goroutines.h"

namespace sluice::debug::internal {

// What a goroutine does, in Go's words: "chan receive", "running", "syscall".
std::string_view state_text(const runtime::Goroutine& goroutine);

// Its return addresses; of one that has not begun, the place that created it, so that it can be
// told from others.
std::span<const uintptr_t> stack_of(const runtime::GoroutineDump& dump,
                                    const runtime::Goroutine& goroutine);

// Goroutines that a profile counts as one.
struct StackGroup {
  const runtime::Goroutine* first = nullptr;
  size_t count = 0;
};

// Those with the same stack and label, and also the same state if `by_state`; the most frequent
// first, then the one with the lowest id.
std::vector<StackGroup> group_stacks(const runtime::GoroutineDump& dump, bool by_state);

// `text` with quotes, and everything but printable ASCII escaped: it cannot forge a line.
std::string quoted(std::string_view text);

}  // namespace sluice::debug::internal
