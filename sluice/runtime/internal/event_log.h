// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/runtime/events.h"
#include "sluice/runtime/internal/event_writer.h"

namespace sluice::runtime {

// ## How events are recorded, and what it costs while nobody records
// Nothing, on the paths that count nanoseconds: they ask no question that they did not ask before.
//   - A push into a run queue counts LatencySampler::left down to 0 and calls draw() then. While
//     somebody records, `left` is kept at 1, so that every push comes to draw(), which records it.
//   - A goroutine that leaves a P asks P::signals whether anybody wants something: sysmon's
//     attention, or a recording.
//   - A goroutine that comes to a thread is asked for G::sampled: the same word carries a mark of
//     the recording.
// What waits, blocks or steals asks is_recording(): one load among hundreds of instructions.
//
// ## The memory
// Chunks of one mapping, each filled by one thread, taken by counting up. Nobody waits, nothing is
// allocated or given back while a recording is on.

// A part of the log.
struct EventChunk {
  static constexpr size_t bytes = size_t{16} << 10;
  static constexpr uint32_t capacity = bytes / sizeof(uint64_t) - 1;

  uint32_t m;     // whose: M::number, or Event::no_thread
  uint32_t used;  // words
  uint64_t words[capacity];
};
static_assert(sizeof(EventChunk) == EventChunk::bytes);

// One event as it is written: three to six words, or three and text.
struct EventWords {
  EventKind kind;
  int p = -1;
  uint64_t g = 0;
  uint16_t detail = 0;
  uint32_t turn = 0;
  uint64_t a = 0;
  uint64_t b = 0;
  std::string_view text{};
};

// What all recordings share; those that write it exclude each other.
struct EventLog {
  std::atomic<uint32_t> taken{0};  // chunks; may count past chunk_count
  uint32_t chunk_count = 0;
  uint32_t session = 0;
  EventChunk* chunks = nullptr;
  std::atomic<uint64_t> full_at{UINT64_MAX};  // when the first event was lost
  std::atomic<uint64_t> lost{0};

  // False: no address space.
  bool open(size_t bytes);
  void close();
  std::span<const EventChunk> filled() const;

  void put(EventWriter& writer, uint32_t m, uint64_t time_ns, const EventWords& event);
};
extern EventLog event_log;

// The event at `*at` of the chunk, and *at past it.
Event read_event(const EventChunk& chunk, uint32_t* at);

// CLOCK_MONOTONIC, also in a simulation, whose time does not pass while something is done.
uint64_t monotonic_ns();

// Of the calling thread, if somebody records. Never waits, but for the spin lock that threads share
// which are none of the scheduler's; not for signal handlers.
void record(const EventWords& event);
void record_at(uint64_t time_ns, const EventWords& event);

// Returns when no thread is within record() that found is_recording(), which is over now.
void wait_for_writers();

}  // namespace sluice::runtime
