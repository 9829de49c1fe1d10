// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: events_test.cc

#include "sluice/runtime/internal/event_log.h"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace internal {
constinit RecordingFlag recording;
}

EventLog event_log;

namespace {

// Of threads that are none of the scheduler's, sysmon included.
struct Outside {
  SpinLock lock;  // innermost: nothing is locked under it
  EventWriter writer;
  uint64_t last_ns = 0;  // who read the clock first need not get the lock first
};
Outside outside;

constexpr uint32_t header_words = 3;

constexpr uint32_t text_words(size_t bytes) { return static_cast<uint32_t>((bytes + 7) / 8); }

uint32_t words_of(const EventWords& event) {
  if (!event.text.empty()) return header_words + text_words(event.text.size());
  if (event.b != 0) return header_words + 3;
  if (event.a != 0) return header_words + 2;
  return header_words + (event.turn != 0);
}

uint64_t head(const EventWords& event, uint32_t words) {
  uint16_t detail = event.text.empty() ? event.detail : static_cast<uint16_t>(event.text.size());
  return uint64_t{static_cast<uint8_t>(event.kind)} | uint64_t{words} << 8 |
         uint64_t{detail} << 16 | uint64_t{static_cast<uint16_t>(event.p + 1)} << 32;
}

void lower(std::atomic<uint64_t>& least, uint64_t value) {
  uint64_t seen = least.load(std::memory_order_relaxed);
  while (value < seen && !least.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

bool EventLog::open(size_t bytes) {
  chunk_count = static_cast<uint32_t>(std::min<size_t>(bytes / EventChunk::bytes, UINT32_MAX / 2));
  void* memory = ::mmap(nullptr, chunk_count * EventChunk::bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  chunks = static_cast<EventChunk*>(memory);
  taken.store(0, std::memory_order_relaxed);
  full_at.store(UINT64_MAX, std::memory_order_relaxed);
  lost.store(0, std::memory_order_relaxed);
  ++session;
  return true;
}

void EventLog::close() {
  ::munmap(chunks, chunk_count * EventChunk::bytes);
  chunks = nullptr;
}

std::span<const EventChunk> EventLog::filled() const {
  return {chunks, std::min(taken.load(std::memory_order_relaxed), chunk_count)};
}

void EventLog::put(EventWriter& writer, uint32_t m, uint64_t time_ns, const EventWords& event) {
  uint32_t words = words_of(event);
  if (writer.session != session) {
    writer.session = session;
    writer.chunk = nullptr;
  }
  if (writer.chunk == nullptr || writer.chunk->used + words > EventChunk::capacity) {
    // Looked at first: the count must not come round.
    uint32_t index = taken.load(std::memory_order_relaxed) < chunk_count
                         ? taken.fetch_add(1, std::memory_order_relaxed)
                         : chunk_count;
    if (index >= chunk_count) {
      lower(full_at, time_ns);
      lost.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    writer.chunk = &chunks[index];
    writer.chunk->m = m;
    writer.chunk->used = 0;
  }
  uint64_t* to = &writer.chunk->words[writer.chunk->used];
  to[0] = time_ns;
  to[1] = head(event, words);
  to[2] = event.g;
  if (!event.text.empty()) {
    std::memcpy(&to[header_words], event.text.data(), event.text.size());
  } else {
    const uint64_t rest[] = {event.turn, event.a, event.b};
    std::copy_n(rest, words - header_words, &to[header_words]);
  }
  writer.chunk->used += words;
}

Event read_event(const EventChunk& chunk, uint32_t* at) {
  const uint64_t* from = &chunk.words[*at];
  uint32_t words = static_cast<uint8_t>(from[1] >> 8);
  Event event;
  event.time_ns = from[0];
  event.kind = static_cast<EventKind>(from[1]);
  event.detail = static_cast<uint16_t>(from[1] >> 16);
  event.p = static_cast<int>(static_cast<uint16_t>(from[1] >> 32)) - 1;
  event.m = chunk.m;
  event.g = from[2];
  bool text = event.kind == EventKind::named || event.kind == EventKind::region_began ||
              event.kind == EventKind::logged;
  if (text) {
    event.text = {reinterpret_cast<const char*>(from + header_words), event.detail};
  } else {
    if (words > header_words) event.turn = static_cast<uint32_t>(from[header_words]);
    if (words > header_words + 1) event.a = from[header_words + 1];
    if (words > header_words + 2) event.b = from[header_words + 2];
  }
  *at += words;
  return event;
}

uint64_t monotonic_ns() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// The flag is read with acquire: who sees it sees the log that was opened for it.
void record_at(uint64_t time_ns, const EventWords& event) {
  M* m = current_m();
  if (m == nullptr) {
    std::lock_guard lock(outside.lock);
    outside.last_ns = std::max(outside.last_ns, time_ns);
    if (internal::recording.on.load(std::memory_order_acquire))
      event_log.put(outside.writer, Event::no_thread, outside.last_ns, event);
    return;
  }
  EventWriter& writer = m->events;
  writer.busy.store(1, std::memory_order_relaxed);
  if (fence_needed.load(std::memory_order_relaxed)) [[unlikely]]
    std::atomic_thread_fence(std::memory_order_seq_cst);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (internal::recording.on.load(std::memory_order_acquire))
    event_log.put(writer, m->number, time_ns, event);
  writer.busy.store(0, std::memory_order_release);
}

void record(const EventWords& event) { record_at(monotonic_ns(), event); }

void wait_for_writers() {
  heavy_fence();
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    while (m->events.busy.load(std::memory_order_acquire) != 0) ::sched_yield();
  std::lock_guard lock(outside.lock);
}

}  // namespace sluice::runtime
