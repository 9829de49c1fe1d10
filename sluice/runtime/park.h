// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::runtime {

// The scheduler's seam: what channels, contexts and locks are built on.
//
// G is a goroutine's record, or the stand-in of a thread that is no goroutine. Its memory is
// type-stable: a G* stays readable for ever, though it may by then describe another goroutine.
struct G;

// Why a goroutine waits; shown in dumps in Go's words.
enum class WaitReason : uint8_t {
  none,
  chan_receive,
  chan_receive_nil,
  chan_send,
  chan_send_nil,
  select,
  select_no_cases,
  sleep,
  io_wait,
  mutex,
  rw_mutex_read,
  rw_mutex_write,
  wait_group,
  cond,
  semaphore,
  once,
  group,
  blocked_on_processor,
};
inline constexpr size_t wait_reasons = static_cast<size_t>(WaitReason::blocked_on_processor) + 1;
std::string_view name(WaitReason reason);

// The calling goroutine, or this thread's stand-in. Never null. Valid on the calling goroutine
// only; a goroutine may migrate to another thread at any park, but its G* stays the same.
G* current();

// Waits for one ready(current()). Works as a semaphore with one permit: ready() may come first.
// The protocol: publish current() under a lock of your own, release the lock, call park().
// Exactly one ready() answers each park(). A goroutine gives its thread to another one; a foreign
// thread blocks on a futex.
void park(WaitReason reason);

// Makes `g`, which has parked or is about to, runnable. Never blocks; callable from any thread and
// from timer callbacks. Everything written before ready() is seen after the park() it answers.
void ready(G* g);

}  // namespace sluice::runtime
