// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/runtime/events.h"

namespace sluice::debug {

// What the scheduler did for a while, event by event, as a file that Perfetto opens
// (ui.perfetto.dev, trace_processor): protobuf, perfetto/protos/perfetto/trace. docs/trace.md says
// how to read it.
//
//   Processors   which goroutine each P ran, and when
//   Goroutines   each one: running, runnable, waiting (for what), without a processor; an arrow
//                from who made it ready, or started it, to where it ran; its TraceRegions below it
//   Threads      which P each had, when it slept, who was blocked in it
//   Counters     goroutines, runnable ones, those without a processor; each P's queue
//
// A process has one trace at a time. While it is on, an event costs some 60 ns and 24 to 48 bytes.
// Thread-safety: an object as an int; start() from any thread or goroutine.
class ExecutionTrace {
 public:
  static constexpr size_t bytes_default = size_t{64} << 20;

  // Errors: already_exists (there is one), failed_precondition (no Runtime), resource_exhausted.
  static Result<ExecutionTrace> start(size_t bytes_max = bytes_default);

  // Waits until `duration` is over, the context ends or the trace is full (which it notices within
  // 50 ms).
  void wait(const Context& context, Duration duration) const;
  // Its memory is used up: what comes later is lost, and stop() now loses nothing more.
  bool is_full() const { return recording_.is_full(); }
  // Nothing is recorded after it.
  void stop() { recording_.stop(); }
  // Events that there was no room for; after stop().
  uint64_t lost() const { return recording_.lost(); }

  // Stops it, and writes the file, in pieces of some 64 KiB: about three times the bytes recorded.
  // Computes for some 10 ms for each MiB of them. Returns false if the sink did.
  bool write(const TextSink& sink);

 private:
  explicit ExecutionTrace(runtime::EventRecording recording) : recording_(std::move(recording)) {}

  runtime::EventRecording recording_;
};

}  // namespace sluice::debug
