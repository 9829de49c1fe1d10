// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/base/function.h"
#include "sluice/base/result.h"
#include "sluice/runtime/park.h"

namespace sluice::runtime {

// What the scheduler does, as a record of single events: for the execution trace (package debug).

// Beside each: what `detail`, `a` and `b` of its Event say. `g` is the goroutine's id, `p` the
// processor that the thread had, `m` the thread that wrote it.
enum class EventKind : uint8_t {
  // How goroutine g was found at the start, if nothing was recorded of it before: detail is a
  // GoroutineStatus (low byte) and its WaitReason (high byte); a: who created it, b: where. If it
  // runs and that is known, turn is its thread's number plus 1, and p that thread's processor.
  status,
  created,   // and runnable; a: by whom (0: a thread that is none), b: return address of go()
  named,     // text: the name
  ready,     // parked before; detail: WakeCause; a: by whom, 0 unless the cause is a goroutine
  started,   // runs on p; detail: how many wait on p then, at most 65535
  parked,    // detail: WaitReason
  yielded,   // runnable at once
  requeued,  // came back from running without a processor, found none, waits for one
  ended,
  // Thread `a` has p from now on; it runs g with it if that is not 0.
  processor_started,
  processor_stopped,  // thread `a` gave p up; g goes on without one if that is not 0
  processor_taken,    // the same, but sysmon took it: g blocks or loops
  thread_sleeps,      // until somebody has a P for it
  thread_polls,       // for descriptors and timers
  thread_woke,        // from either
  polled,             // a: so many goroutines' descriptors became ready
  timers_fired,       // a: so many
  stole,              // p took half of the queue of processor a
  region_began,       // by the user; text: its name
  region_ended,
  logged,  // by the user; text
};

enum class GoroutineStatus : uint8_t { runnable, running, waiting };
enum class WakeCause : uint8_t { goroutine, thread, timer, netpoll };

struct Event {
  static constexpr uint32_t no_thread = UINT32_MAX;

  uint64_t time_ns = 0;  // CLOCK_MONOTONIC, also in a simulation
  EventKind kind = EventKind::status;
  uint16_t detail = 0;
  int p = -1;              // -1: none
  uint32_t m = no_thread;  // a thread's number; no_thread: it is none of the scheduler's
  uint64_t g = 0;
  uint64_t a = 0;
  uint64_t b = 0;
  // Of ready, created, yielded or requeued, and of the started that it led to, the same: which of
  // the goroutine's turns. Of no other kind, but see status.
  uint32_t turn = 0;
  std::string_view text;  // of named, region_began, logged; at most EventRecording::text_max bytes
};

namespace internal {
// Changed by EventRecording only. A cache line of its own: many read it, nobody writes near it.
struct alignas(64) RecordingFlag {
  std::atomic<bool> on{false};
};
extern RecordingFlag recording;
}  // namespace internal

// Whether somebody records: one load, for who has something to say beyond the scheduler's events.
inline bool is_recording() { return internal::recording.on.load(std::memory_order_relaxed); }

// The calling goroutine's or thread's own events, if somebody records. Text is copied. Callable
// from anywhere but a signal handler.
void record_region_begin(std::string_view name);
void record_region_end();
void record_log(std::string_view text);

// One recording of the whole process: at most one at a time.
//
// While it is on, each thread of the scheduler writes to a part of the memory that is its own,
// without a lock and without waiting for anybody; other threads share one behind a spin lock. When
// the memory is used up, what comes later is lost and counted, for all threads from the same moment
// on: what is there is complete.
// Thread-safety: an object as an int; start() from any thread or goroutine. It may outlive the
// Runtime.
class EventRecording {
 public:
  static constexpr size_t bytes_min = size_t{1} << 20;
  static constexpr size_t text_max = 200;

  // Of `bytes` (at least bytes_min) only what is used is touched.
  // Errors: already_exists (somebody records), failed_precondition (no Runtime),
  // resource_exhausted (no address space).
  static Result<EventRecording> start(size_t bytes);

  EventRecording(EventRecording&& other) noexcept;
  EventRecording& operator=(EventRecording&& other) = delete;
  ~EventRecording();  // stops, and gives the memory back

  // Nothing is recorded any more: the memory is used up.
  bool is_full() const;
  // Nothing is recorded after it. May be called twice.
  void stop();

  // After stop(): the span of time of which everything is there.
  uint64_t begin_ns() const { return begin_ns_; }
  uint64_t end_ns() const { return end_ns_; }
  // Events that there was no room for.
  uint64_t lost() const { return lost_; }

  // After stop(): shows every event, in an order in which they can have happened; a goroutine's, a
  // processor's and a thread's own events are in the order in which they did. One exception:
  // `ready` may come before the `parked` that it ends, since a goroutine announces itself first and
  // parks then. False from `visit` ends it.
  void visit(const Function<bool(const Event&)>& visit) const;

 private:
  EventRecording() = default;

  bool owner_ = false;
  bool stopped_ = false;
  uint64_t begin_ns_ = 0;
  uint64_t end_ns_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace sluice::runtime
