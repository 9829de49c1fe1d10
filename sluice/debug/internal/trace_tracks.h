// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/debug/internal/perfetto_writer.h"
#include "sluice/debug/internal/trace_counter.h"
#include "sluice/debug/internal/trace_survey.h"
#include "sluice/runtime/events.h"

namespace sluice::debug::internal {

// Turns events into what happens on the tracks of processors, goroutines and threads. Each of them
// is in one slice at a time. What the events leave open ends with the recording.
class TraceTracks {
 public:
  struct Span {
    uint64_t begin_ns;
    uint64_t end_ns;
  };

  // All outlive it.
  TraceTracks(const TraceSurvey& survey, Span span, PerfettoWriter& out);

  // Describes everything, and writes how it stood at the beginning.
  void begin();
  // Every event, in their order. False: the sink takes no more.
  bool add(const runtime::Event& event);
  void finish();

 private:
  enum class State : uint8_t { absent, waiting, runnable, running, without_p };
  struct Goroutine {
    std::string name;
    State state = State::absent;
    bool readied = false;  // while it ran: announced, and not parked yet
    int p = -1;            // on which it runs
    uint32_t m = runtime::Event::no_thread;
    int regions = 0;  // open
    bool has_regions = false;
  };

  Goroutine& find(uint64_t g);
  // The track that those of a family are below.
  uint64_t family_track(size_t family);
  void begin_goroutine(uint64_t g, const TraceSurvey::Goroutine& known);

  // Moves g to a state, in a slice of that name.
  void move(const runtime::Event& event, Goroutine& goroutine, State to, std::string_view name,
            const PerfettoWriter::Details& details = {});
  void count(uint64_t time_ns, State state, int change);
  void leave_processor(uint64_t time_ns, Goroutine& goroutine);

  void on_created(const runtime::Event& event);
  void on_ready(const runtime::Event& event);
  void on_started(const runtime::Event& event);
  void on_stopped(const runtime::Event& event);
  void on_processor(const runtime::Event& event);
  void on_thread(const runtime::Event& event);
  void on_mark(const runtime::Event& event);
  void on_region(const runtime::Event& event);

  void occupy_processor(uint64_t time_ns, int p, std::string_view name, uint64_t g);
  void free_processor(uint64_t time_ns, int p);
  void occupy_thread(uint64_t time_ns, uint32_t m, std::string_view name);
  void free_thread(uint64_t time_ns, uint32_t m);
  uint64_t thread_track(uint32_t m);
  // The track of who did it: the goroutine, else the thread.
  uint64_t actor_track(const runtime::Event& event, uint64_t g);
  TraceCounter& queue_counter(int p);

  const TraceSurvey& survey_;
  Span span_;
  PerfettoWriter& out_;
  uint64_t counter_spacing_ns_;
  std::unordered_map<uint64_t, Goroutine> goroutines_;
  std::vector<bool> families_;        // whether they are described
  std::map<int, bool> processors_;    // whether a slice is open
  std::map<uint32_t, bool> threads_;  // the same
  std::map<int, TraceCounter> queues_;
  TraceCounter alive_;
  TraceCounter runnable_;
  TraceCounter running_;
  TraceCounter without_p_;
};

}  // namespace sluice::debug::internal
