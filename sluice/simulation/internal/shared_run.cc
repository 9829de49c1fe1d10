// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/shared_run.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "sluice/base/assert.h"

namespace sluice::simulation::internal {

void SharedRun::clear(uint64_t new_seed) {
  seed.store(new_seed, std::memory_order_relaxed);
  failure.store(FailureKind::none, std::memory_order_relaxed);
  departure_count = event_count = unfinished_count = text_size = message_size = 0;
  failed_goroutine = decisions = 0;
  departures_lost = false;
}

void SharedRun::set_message(std::string_view what) {
  message_size = static_cast<uint32_t>(std::min(what.size(), sizeof message));
  std::memcpy(message, what.data(), message_size);
}

void SharedRun::add(Departure departure) {
  if (departure_count == departures_max)
    departures_lost = true;
  else
    departures[departure_count++] = departure;
}

SharedRun::Event* SharedRun::add_event() {
  if (event_count == events_max) return nullptr;
  Event* event = &events[event_count++];
  event->left = 0;
  event->departure = false;
  event->label[0] = 0;
  event->frame_count = 0;
  event->text_size = 0;
  return event;
}

void SharedRun::set_text(Event& event, std::string_view what) {
  event.text_begin = text_size;
  event.text_size = static_cast<uint32_t>(std::min<size_t>(what.size(), text_max - text_size));
  std::memcpy(text + text_size, what.data(), event.text_size);
  text_size += event.text_size;
}

SharedMemory::SharedMemory() {
  void* at = ::mmap(nullptr, sizeof(SharedRun), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SLUICE_ASSERT(at != MAP_FAILED, "no address space for a simulation's record");
  run_ = static_cast<SharedRun*>(at);  // all zeroes
}

SharedMemory::~SharedMemory() { ::munmap(run_, sizeof(SharedRun)); }

}  // namespace sluice::simulation::internal
