// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: execution_trace_test.cc

#include "sluice/debug/internal/trace_tracks.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace sluice::debug::internal {

using runtime::Event;
using runtime::EventKind;
using runtime::WaitReason;
using runtime::WakeCause;

namespace {

// A track's number: its kind above, what it is about below.
enum TrackKind : uint64_t {
  groups,
  processors,
  families,
  goroutines,
  regions,
  threads,
  counters,
  queues
};
constexpr uint64_t track_of(TrackKind kind, uint64_t id) { return kind << 56 | id; }

constexpr uint64_t process_track = track_of(groups, 1);
constexpr uint64_t processors_group = track_of(groups, 2);
constexpr uint64_t goroutines_group = track_of(groups, 3);
constexpr uint64_t threads_group = track_of(groups, 4);
constexpr uint64_t counters_group = track_of(groups, 5);
constexpr uint64_t alive_counter = track_of(counters, 1);
constexpr uint64_t runnable_counter = track_of(counters, 2);
constexpr uint64_t running_counter = track_of(counters, 3);
constexpr uint64_t without_p_counter = track_of(counters, 4);

// Of one counter, over the whole trace.
constexpr uint64_t counter_points_max = 50'000;

std::string numbered(std::string_view text, uint64_t number) {
  return std::string(text) + std::to_string(number);
}

std::string waiting_name(WaitReason reason) {
  return reason == WaitReason::none ? "waiting" : std::string(runtime::name(reason));
}

std::string_view waker(uint16_t cause) {
  switch (static_cast<WakeCause>(cause)) {
    case WakeCause::timer:
      return "timer: ready ";
    case WakeCause::netpoll:
      return "netpoll: ready ";
    case WakeCause::thread:
      return "thread: ready ";
    case WakeCause::goroutine:
      break;
  }
  return "ready ";
}

}  // namespace

TraceTracks::TraceTracks(const TraceSurvey& survey, Span span, PerfettoWriter& out)
    : survey_(survey),
      span_(span),
      out_(out),
      counter_spacing_ns_((span.end_ns - span.begin_ns) / counter_points_max),
      alive_(out, alive_counter, counter_spacing_ns_),
      runnable_(out, runnable_counter, counter_spacing_ns_),
      running_(out, running_counter, counter_spacing_ns_),
      without_p_(out, without_p_counter, counter_spacing_ns_) {}

void TraceTracks::begin() {
  out_.begin();
  out_.describe_process(process_track, ::getpid(), ::program_invocation_short_name);
  int rank = 0;
  for (auto [group, name] :
       {std::pair{counters_group, "Counters"}, std::pair{processors_group, "Processors"},
        std::pair{threads_group, "Threads"}, std::pair{goroutines_group, "Goroutines"}})
    out_.describe({group, process_track, name, rank++, true});
  rank = 0;
  for (auto [counter, name] :
       {std::pair{alive_counter, "goroutines"}, std::pair{runnable_counter, "runnable"},
        std::pair{running_counter, "running"}, std::pair{without_p_counter, "without a processor"}})
    out_.describe_counter({counter, counters_group, name, rank++});
  for (const auto& [m, thread] : survey_.threads())
    if (thread.p >= 0) occupy_thread(span_.begin_ns, m, numbered("P", thread.p));
  for (const auto& [g, known] : survey_.goroutines())
    if (known.state != TraceSurvey::State::absent) begin_goroutine(g, known);
}

void TraceTracks::begin_goroutine(uint64_t g, const TraceSurvey::Goroutine& known) {
  Goroutine& goroutine = find(g);
  alive_.add(span_.begin_ns, 1);
  Event event{.time_ns = span_.begin_ns, .p = known.p, .m = known.m, .g = g};
  goroutine.p = known.p;
  goroutine.m = known.m;
  switch (known.state) {
    case TraceSurvey::State::absent:
      break;
    case TraceSurvey::State::waiting:
      move(event, goroutine, State::waiting, waiting_name(known.reason));
      break;
    case TraceSurvey::State::runnable:
      move(event, goroutine, State::runnable, "runnable");
      break;
    case TraceSurvey::State::running:
      move(event, goroutine, State::running, "running");
      if (known.p >= 0) occupy_processor(span_.begin_ns, known.p, goroutine.name, g);
      break;
    case TraceSurvey::State::without_p:
      move(event, goroutine, State::without_p, "no processor");
      break;
  }
}

TraceTracks::Goroutine& TraceTracks::find(uint64_t g) {
  auto [at, fresh] = goroutines_.try_emplace(g);
  if (!fresh) return at->second;
  std::string& name = at->second.name;
  name = numbered("G", g);
  uint64_t parent = goroutines_group;
  if (auto known = survey_.goroutines().find(g); known != survey_.goroutines().end()) {
    const TraceSurvey::Family& family = survey_.families()[known->second.family];
    if (!family.name.empty()) name += " " + family.name;
    if (family.members > 1) parent = family_track(known->second.family);
  }
  int rank = static_cast<int>(std::min<uint64_t>(g, INT32_MAX));
  out_.describe({track_of(goroutines, g), parent, name, rank});
  return at->second;
}

// Tens of thousands side by side would be more than people and Perfetto can handle.
uint64_t TraceTracks::family_track(size_t family) {
  uint64_t track = track_of(families, family);
  families_.resize(survey_.families().size());
  if (!families_[family]) {
    families_[family] = true;
    const TraceSurvey::Family& described = survey_.families()[family];
    std::string name = described.name.empty() ? "others" : described.name;
    out_.describe({track, goroutines_group, name + " (" + std::to_string(described.members) + ")",
                   static_cast<int>(family), true});
  }
  return track;
}

bool TraceTracks::add(const Event& event) {
  switch (event.kind) {
    case EventKind::status:
    case EventKind::named:
      break;
    case EventKind::created:
      on_created(event);
      break;
    case EventKind::ready:
      on_ready(event);
      break;
    case EventKind::started:
      on_started(event);
      break;
    case EventKind::parked:
    case EventKind::yielded:
    case EventKind::requeued:
    case EventKind::ended:
      on_stopped(event);
      break;
    case EventKind::processor_started:
    case EventKind::processor_stopped:
    case EventKind::processor_taken:
      on_processor(event);
      break;
    case EventKind::thread_sleeps:
    case EventKind::thread_polls:
    case EventKind::thread_woke:
      on_thread(event);
      break;
    case EventKind::polled:
    case EventKind::timers_fired:
    case EventKind::stole:
      on_mark(event);
      break;
    case EventKind::region_began:
    case EventKind::region_ended:
    case EventKind::logged:
      on_region(event);
      break;
  }
  return !out_.failed();
}

void TraceTracks::count(uint64_t time_ns, State state, int change) {
  if (state == State::runnable) runnable_.add(time_ns, change);
  if (state == State::running) running_.add(time_ns, change);
  if (state == State::without_p) without_p_.add(time_ns, change);
}

void TraceTracks::move(const Event& event, Goroutine& goroutine, State to, std::string_view name,
                       const PerfettoWriter::Details& details) {
  uint64_t track = track_of(goroutines, event.g);
  if (goroutine.state != State::absent) out_.slice_end(track, event.time_ns);
  count(event.time_ns, goroutine.state, -1);
  count(event.time_ns, to, +1);
  goroutine.state = to;
  if (to != State::absent) out_.slice_begin(track, event.time_ns, name, details);
}

void TraceTracks::leave_processor(uint64_t time_ns, Goroutine& goroutine) {
  if (goroutine.state == State::running && goroutine.p >= 0) free_processor(time_ns, goroutine.p);
  if (goroutine.state == State::without_p) free_thread(time_ns, goroutine.m);
  goroutine.p = -1;
}

void TraceTracks::on_created(const Event& event) {
  Goroutine& goroutine = find(event.g);
  uint64_t flow = survey_.flow(event.g, event.turn);
  out_.instant(actor_track(event, event.a), event.time_ns, "go " + goroutine.name,
               {.flow_out = flow});
  alive_.add(event.time_ns, 1);
  move(event, goroutine, State::runnable, "runnable");
}

void TraceTracks::on_ready(const Event& event) {
  Goroutine& goroutine = find(event.g);
  uint64_t flow = survey_.flow(event.g, event.turn);
  out_.instant(actor_track(event, event.a), event.time_ns,
               std::string(waker(event.detail)) + goroutine.name, {.flow_out = flow});
  if (goroutine.state == State::running || goroutine.state == State::without_p)
    goroutine.readied = true;
  else
    move(event, goroutine, State::runnable, "runnable");
}

void TraceTracks::on_started(const Event& event) {
  Goroutine& goroutine = find(event.g);
  const PerfettoWriter::Annotation where[] = {{"processor", static_cast<uint64_t>(event.p)},
                                              {"thread", event.m}};
  move(event, goroutine, State::running, "running",
       {.flow_in = survey_.flow(event.g, event.turn), .annotations = where});
  goroutine.p = event.p;
  goroutine.m = event.m;
  occupy_processor(event.time_ns, event.p, goroutine.name, event.g);
  queue_counter(event.p).set(event.time_ns, event.detail);
}

void TraceTracks::on_stopped(const Event& event) {
  Goroutine& goroutine = find(event.g);
  leave_processor(event.time_ns, goroutine);
  bool readied = std::exchange(goroutine.readied, false);
  if (event.kind == EventKind::ended) {
    for (; goroutine.regions > 0; --goroutine.regions)
      out_.slice_end(track_of(regions, event.g), event.time_ns);
    alive_.add(event.time_ns, -1);
    return move(event, goroutine, State::absent, "");
  }
  if (event.kind == EventKind::parked && !readied)
    return move(event, goroutine, State::waiting,
                waiting_name(static_cast<WaitReason>(event.detail)));
  move(event, goroutine, State::runnable, "runnable");
}

// A thread gets, gives up or loses a processor, alone or with a goroutine in its hands.
void TraceTracks::on_processor(const Event& event) {
  uint32_t m = static_cast<uint32_t>(event.a);
  bool gets = event.kind == EventKind::processor_started;
  free_thread(event.time_ns, m);
  if (gets) occupy_thread(event.time_ns, m, numbered("P", event.p));
  if (event.g == 0) return;
  Goroutine& goroutine = find(event.g);
  goroutine.m = m;
  if (gets) {
    move(event, goroutine, State::running, "running");
    goroutine.p = event.p;
    return occupy_processor(event.time_ns, event.p, goroutine.name, event.g);
  }
  free_processor(event.time_ns, event.p);
  goroutine.p = -1;
  bool taken = event.kind == EventKind::processor_taken;
  move(event, goroutine, State::without_p,
       taken ? "no processor: sysmon took it" : "no processor: blocking()");
  occupy_thread(event.time_ns, m, goroutine.name + ", no processor");
}

void TraceTracks::on_thread(const Event& event) {
  if (event.kind == EventKind::thread_sleeps) occupy_thread(event.time_ns, event.m, "asleep");
  if (event.kind == EventKind::thread_polls) occupy_thread(event.time_ns, event.m, "netpoll");
  if (event.kind == EventKind::thread_woke && event.a != 0)
    out_.instant(thread_track(event.m), event.time_ns, numbered("netpoll: ", event.a));
}

void TraceTracks::on_mark(const Event& event) {
  uint64_t track = thread_track(event.m);
  if (event.kind == EventKind::polled)
    out_.instant(track, event.time_ns, numbered("netpoll: ", event.a));
  else if (event.kind == EventKind::timers_fired)
    out_.instant(track, event.time_ns, numbered("timers: ", event.a));
  else
    out_.instant(track, event.time_ns, numbered("steals from P", event.a));
}

void TraceTracks::on_region(const Event& event) {
  uint64_t track = actor_track(event, 0);
  if (event.g != 0) {
    Goroutine& goroutine = find(event.g);
    track = track_of(regions, event.g);
    if (!std::exchange(goroutine.has_regions, true))
      out_.describe({track, track_of(goroutines, event.g), "regions"});
    if (event.kind == EventKind::region_began) {
      ++goroutine.regions;
      return out_.slice_begin(track, event.time_ns, event.text);
    }
    if (event.kind == EventKind::region_ended) {
      if (goroutine.regions == 0) return;  // began before the recording
      --goroutine.regions;
      return out_.slice_end(track, event.time_ns);
    }
  }
  if (event.kind == EventKind::logged) out_.instant(track, event.time_ns, event.text);
}

void TraceTracks::occupy_processor(uint64_t time_ns, int p, std::string_view name, uint64_t g) {
  uint64_t track = track_of(processors, static_cast<uint64_t>(p));
  auto [at, fresh] = processors_.try_emplace(p, false);
  if (fresh) out_.describe({track, processors_group, numbered("P", static_cast<uint64_t>(p)), p});
  if (at->second) out_.slice_end(track, time_ns);
  at->second = true;
  const PerfettoWriter::Annotation who[] = {{"goroutine", g}};
  out_.slice_begin(track, time_ns, name, {.annotations = who});
}

void TraceTracks::free_processor(uint64_t time_ns, int p) {
  bool& open = processors_[p];
  if (open) out_.slice_end(track_of(processors, static_cast<uint64_t>(p)), time_ns);
  open = false;
}

uint64_t TraceTracks::thread_track(uint32_t m) {
  uint64_t track = track_of(threads, m);
  if (threads_.try_emplace(m, false).second) {
    std::string name = m == Event::no_thread ? "sysmon and others" : numbered("M", m);
    int rank = static_cast<int>(std::min<uint32_t>(m, INT32_MAX));
    out_.describe({track, threads_group, name, rank});
  }
  return track;
}

void TraceTracks::occupy_thread(uint64_t time_ns, uint32_t m, std::string_view name) {
  uint64_t track = thread_track(m);
  free_thread(time_ns, m);
  threads_[m] = true;
  out_.slice_begin(track, time_ns, name);
}

void TraceTracks::free_thread(uint64_t time_ns, uint32_t m) {
  uint64_t track = thread_track(m);
  bool& open = threads_[m];
  if (open) out_.slice_end(track, time_ns);
  open = false;
}

uint64_t TraceTracks::actor_track(const Event& event, uint64_t g) {
  if (g == 0) return thread_track(event.m);
  find(g);
  return track_of(goroutines, g);
}

TraceCounter& TraceTracks::queue_counter(int p) {
  auto at = queues_.find(p);
  if (at != queues_.end()) return at->second;
  uint64_t track = track_of(queues, static_cast<uint64_t>(p));
  out_.describe_counter({track, counters_group, numbered("queue of P", static_cast<uint64_t>(p)),
                         static_cast<int>(counters_group) + p});
  return queues_.emplace(p, TraceCounter(out_, track, counter_spacing_ns_)).first->second;
}

void TraceTracks::finish() {
  for (auto& [g, goroutine] : goroutines_) {
    if (goroutine.state != State::absent) out_.slice_end(track_of(goroutines, g), span_.end_ns);
    for (; goroutine.regions > 0; --goroutine.regions)
      out_.slice_end(track_of(regions, g), span_.end_ns);
  }
  for (auto [p, open] : processors_)
    if (open) free_processor(span_.end_ns, p);
  for (auto [m, open] : threads_)
    if (open) free_thread(span_.end_ns, m);
  for (TraceCounter* counter : {&alive_, &runnable_, &running_, &without_p_}) counter->finish();
  for (auto& [p, counter] : queues_) counter.finish();
}

}  // namespace sluice::debug::internal
