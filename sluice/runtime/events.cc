// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/events.h"

#include <sched.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/still.h"

namespace sluice::runtime {

namespace {

std::atomic<bool> taken{false};  // an EventRecording has the log

// False: its owner did not leave its region in time.
bool change_barred(P* p, void (*change)(P* p)) {
  std::lock_guard lock(p->remote);
  M* owner;
  if (!bar(p, &owner)) return false;
  change(p);
  unbar(owner);
  return true;
}

// Has `change` done to each P by who is its only user meanwhile. With Scheduler::observed held.
void visit_ps(void (*change)(P* p)) {
  for (int i = 0; i < sched.p_count; ++i) {
    P* p = sched.ps[i];
    while (!change_barred(p, change)) ::sched_yield();
  }
}

void begin_on_ps() {
  std::lock_guard observed(sched.observed);
  visit_ps([](P* p) {
    p->signals.fetch_or(P::recording, std::memory_order_relaxed);
    p->sampler.draw_next();
  });
  std::lock_guard lock(sched.lock);
  sched.sampler.draw_next();
}

void end_on_ps() {
  std::lock_guard observed(sched.observed);
  for (int i = 0; i < sched.p_count; ++i)
    sched.ps[i]->signals.fetch_and(~P::recording, std::memory_order_relaxed);
}

GoroutineStatus status_of(GState state) {
  if (state == GState::waiting) return GoroutineStatus::waiting;
  return state == GState::runnable ? GoroutineStatus::runnable : GoroutineStatus::running;
}

// The thread that g is on; null: none was seen with it.
const M* thread_of(const G* g) {
  for (const M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    if (m->alive.load(std::memory_order_acquire) && peek(m->g) == g) return m;
  return nullptr;
}

// How g stands, with a moment after that. If nothing else is recorded of g before that moment, it
// has stood so since the recording began.
void record_status(G* g, Sample* sample) {
  Look look = Look::moved;
  for (int i = 0; i < 100 && look == Look::moved; ++i) look = look_at(g, sample);
  if (look == Look::gone) return;
  if (look != Look::still) read_moving(g, sample);
  if (sample->id == 0) return;
  WaitReason reason = sample->state == GState::waiting ? sample->wait_reason : WaitReason::none;
  const M* m = look == Look::running ? thread_of(g) : nullptr;
  // Not through the P: it may be of a Runtime that is just ending.
  bool has_p = m != nullptr && m->p.load(std::memory_order_acquire) != nullptr;
  record({.kind = EventKind::status,
          .p = has_p ? peek(m->p_index) : -1,
          .g = sample->id,
          .detail = static_cast<uint16_t>(static_cast<uint16_t>(status_of(sample->state)) |
                                          static_cast<uint16_t>(reason) << 8),
          .turn = m != nullptr ? m->number + 1 : 0,
          .a = sample->created_by_id,
          .b = reinterpret_cast<uint64_t>(sample->created_by)});
  std::string_view name = sample->label;
  if (!name.empty()) record({.kind = EventKind::named, .g = sample->id, .text = name});
}

void record_statuses() {
  std::lock_guard lock(one_observer());
  Sample sample;
  visit_records([](G* g, void* sample) { record_status(g, static_cast<Sample*>(sample)); },
                &sample);
}

// Ends before readies before starts, where several threads' clocks show the same; and a goroutine's
// starts in their order. On one thread the order is that of writing anyway.
int rank(EventKind kind) {
  switch (kind) {
    case EventKind::parked:
    case EventKind::yielded:
    case EventKind::requeued:
    case EventKind::ended:
    case EventKind::processor_stopped:
    case EventKind::processor_taken:
      return 0;
    case EventKind::started:
      return 3;
    case EventKind::processor_started:
      return 2;
    default:
      return 1;
  }
}

// The chunks of one thread, read one event after the other.
class Stream {
 public:
  void add(const EventChunk* chunk) { chunks_.push_back(chunk); }
  // False: there is no other event.
  bool next() {
    while (chunk_ < chunks_.size() && at_ >= chunks_[chunk_]->used) {
      ++chunk_;
      at_ = 0;
    }
    if (chunk_ == chunks_.size()) return false;
    event_ = read_event(*chunks_[chunk_], &at_);
    return true;
  }
  const Event& event() const { return event_; }
  bool is_after(const Stream& other) const { return key() > other.key(); }

 private:
  std::tuple<uint64_t, int, uint32_t, uint32_t> key() const {
    return {event_.time_ns, rank(event_.kind), event_.turn, event_.m};
  }

  std::vector<const EventChunk*> chunks_;
  size_t chunk_ = 0;
  uint32_t at_ = 0;
  Event event_;
};

// All events by time. False from `visit` ends it.
void merge(std::span<const EventChunk> chunks, const Function<bool(const Event&)>& visit) {
  std::map<uint32_t, Stream> streams;
  for (const EventChunk& chunk : chunks) streams[chunk.m].add(&chunk);
  std::vector<Stream*> heads;
  for (auto& [m, stream] : streams)
    if (stream.next()) heads.push_back(&stream);
  auto after = [](const Stream* a, const Stream* b) { return a->is_after(*b); };
  std::make_heap(heads.begin(), heads.end(), after);
  while (!heads.empty()) {
    std::pop_heap(heads.begin(), heads.end(), after);
    if (!visit(heads.back()->event())) return;
    if (heads.back()->next())
      std::push_heap(heads.begin(), heads.end(), after);
    else
      heads.pop_back();
  }
}

}  // namespace

Result<EventRecording> EventRecording::start(size_t bytes) {
  if (!sched.started.load(std::memory_order_acquire))
    return Error(Code::failed_precondition, "record events: no Runtime exists");
  if (taken.exchange(true, std::memory_order_acq_rel))
    return Error(Code::already_exists, "record events: somebody records already");
  EventRecording recording;
  recording.owner_ = true;
  recording.stopped_ = true;
  if (!event_log.open(std::max(bytes, bytes_min))) {
    taken.store(false, std::memory_order_release);
    recording.owner_ = false;
    return Error(Code::resource_exhausted, "record events: no address space");
  }
  recording.stopped_ = false;
  internal::recording.on.store(true, std::memory_order_seq_cst);
  begin_on_ps();
  recording.begin_ns_ = monotonic_ns();
  record_statuses();
  return recording;
}

EventRecording::EventRecording(EventRecording&& other) noexcept
    : owner_(std::exchange(other.owner_, false)),
      stopped_(other.stopped_),
      begin_ns_(other.begin_ns_),
      end_ns_(other.end_ns_),
      lost_(other.lost_) {}

EventRecording::~EventRecording() {
  if (!owner_) return;
  stop();
  event_log.close();
  taken.store(false, std::memory_order_release);
}

bool EventRecording::is_full() const {
  return event_log.full_at.load(std::memory_order_relaxed) != UINT64_MAX;
}

void EventRecording::stop() {
  if (!owner_ || stopped_) return;
  stopped_ = true;
  end_ns_ = monotonic_ns();
  internal::recording.on.store(false, std::memory_order_seq_cst);
  end_on_ps();
  wait_for_writers();
  lost_ = event_log.lost.load(std::memory_order_relaxed);
  uint64_t full_at = event_log.full_at.load(std::memory_order_relaxed);
  if (full_at >= end_ns_) return;
  merge(event_log.filled(), [&](const Event& event) {
    lost_ += event.time_ns >= full_at && event.time_ns <= end_ns_;
    return true;
  });
  end_ns_ = full_at == 0 ? 0 : full_at - 1;
}

void EventRecording::visit(const Function<bool(const Event&)>& visit) const {
  if (!owner_ || !stopped_) return;
  merge(event_log.filled(), [&](const Event& event) {
    if (event.time_ns < begin_ns_) return true;
    return event.time_ns <= end_ns_ && visit(event);
  });
}

void record_region_begin(std::string_view name) {
  if (!is_recording()) return;
  record({.kind = EventKind::region_began,
          .g = goroutine_id(),
          .text = name.substr(0, EventRecording::text_max)});
}

void record_region_end() {
  if (is_recording()) record({.kind = EventKind::region_ended, .g = goroutine_id()});
}

void record_log(std::string_view text) {
  if (!is_recording()) return;
  record({.kind = EventKind::logged,
          .g = goroutine_id(),
          .text = text.substr(0, EventRecording::text_max)});
}

}  // namespace sluice::runtime
