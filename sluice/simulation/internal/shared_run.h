// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sluice/simulation/schedule.h"

namespace sluice::simulation::internal {

// How a run failed.
enum class FailureKind : uint8_t {
  none,
  deadlock,
  left_over,
  endless,
  refused,
  panic,
  failed,   // by fail(), a check, or what looks at a finished run
  crashed,  // a signal ended the process
  hung,     // no point was reached for too long
};

// Memory that a process which runs a simulation shares with the one that watches it: what it has
// done is there also when it dies. One writes, the other reads when that one has ended; addresses
// mean the same in both, as one is the other's fork.
struct SharedRun {
  static constexpr uint32_t departures_max = 1 << 20;
  static constexpr uint32_t events_max = 1 << 15;
  static constexpr uint32_t unfinished_max = 64;
  static constexpr uint32_t frames_max = 24;
  static constexpr uint32_t text_max = 4 << 20;

  // What happened, for the timeline.
  struct Event {
    uint64_t when;       // ns since the run began
    uint64_t goroutine;  // who goes on, or to whom it happened
    uint64_t left;       // who went before; 0: it is a note
    bool departure;      // decided otherwise than harmlessly
    char label[24];      // of who goes on
    uint8_t frame_count;
    uint32_t text_begin, text_size;  // of a note
    uintptr_t frames[frames_max];    // of who was left, innermost first
  };
  struct Goroutine {
    uint64_t id, created_by_id;
    uintptr_t created_by;
    bool runs;
    uint8_t wait_reason;
    uint8_t frame_count;
    char label[24];
    uintptr_t frames[frames_max];
  };

  // Progress over all runs; the watcher reads them at any time.
  std::atomic<uint64_t> seed, runs, steps, switches, goroutines, simulated_ns, faults, trace_hash;
  std::atomic<uint64_t> beat;  // of a run that lives

  // Of the run under way.
  bool wants_events;
  std::atomic<FailureKind> failure;
  std::atomic<bool> complete;  // every seed was run
  std::atomic<bool> returned;  // the work has come to its end
  uint32_t departure_count, event_count, unfinished_count, text_size, message_size;
  uint64_t failed_goroutine, decisions;
  size_t candidate;  // which of several schedules, while one is looked for that fails
  bool departures_lost;
  char message[4096];
  Departure departures[departures_max];
  Event events[events_max];
  Goroutine unfinished[unfinished_max];
  char text[text_max];

  // For a new run.
  void clear(uint64_t new_seed);
  void set_message(std::string_view what);
  std::string_view get_message() const { return {message, message_size}; }
  void add(Departure departure);
  Schedule schedule() const { return Schedule(departures, departures + departure_count); }
  // Null: there is no room.
  Event* add_event();
  void set_text(Event& event, std::string_view what);
  std::string_view text_of(const Event& event) const {
    return {text + event.text_begin, event.text_size};
  }
};

// Owns the mapping; its pages are there once they are written to.
class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  SharedRun* operator->() const { return run_; }
  SharedRun& operator*() const { return *run_; }

 private:
  SharedRun* run_;
};

}  // namespace sluice::simulation::internal
