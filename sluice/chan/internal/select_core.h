// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/base/time.h"
#include "sluice/chan/internal/channel_core.h"
#include "sluice/chan/internal/waiter.h"
#include "sluice/chan/unit.h"

namespace sluice::internal {

// One case of a select: a waiter and where it would wait. Lives in the select's frame.
struct SelectCase : Waiter {
  ChannelCore* core = nullptr;  // null: the nil channel, never ready
  bool sends = false;
};

inline constexpr size_t select_cases_max = 64;  // one bit each in a word
inline constexpr int select_default = -1;
inline constexpr int select_timeout = -2;

// Waits until one of the cases can go ahead, does it, and returns its index. Its `success` is false
// if it received from a channel that is closed and drained. All locks are released and no case is
// queued any more when this returns. A send on a closed channel ends the process.
//
// If several can go ahead, each is equally likely; while waiting, the first that can is taken.
// With `has_default`: select_default if at one moment during the call no case could go ahead.
// With `timeout`: select_timeout when that long nothing could.
// Source: runtime/select.go of Go 1.26. New: a case that is ready costs its own channel's lock
// only, and a default costs no lock at all.
int select(SelectCase* cases, size_t count, bool has_default, const Duration* timeout);

// Whether `done`, a channel of Unit or null, has a value or is closed. It locks before it says yes:
// see "last touch" at ChannelCore.
inline bool has_ended(ChannelCore* done) {
  if (done == nullptr || done->receive_blocks()) return false;
  Room<Unit> ended;
  return done->try_receive(static_cast<void*>(&ended)) != Attempt::blocked;
}

// Receives from `core` unless `done` has a value or is closed; either may be null, the nil channel.
// Waits. False: done, or `core` is closed and drained.
bool receive_until(ChannelCore* core, ChannelCore* done, void* element);

}  // namespace sluice::internal
