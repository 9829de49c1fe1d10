// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/poll.h"

#include <sched.h>

#include <mutex>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/netpoll.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/section.h"
#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

namespace {

// A direction's state word: nobody, an event that nobody waited for, somebody about to park, or a
// parked G's address.
constexpr uintptr_t nobody = 0;
constexpr uintptr_t event = 1;
constexpr uintptr_t arriving = 2;

enum Flag : uint32_t {
  closing = 1,
  interrupted = 2,
  read_late = 4,
  write_late = 8,
  hung = 16,
  unregistered = 32,  // after closing: epoll does not know the descriptor any more
};

struct Direction {
  std::atomic<uintptr_t> word{nobody};
  Timer timer;            // the deadline's
  uint64_t sequence = 0;  // guarded by lock; a firing with another sequence is stale
  Flag late;
};

}  // namespace

// Type-stable: an event or a deadline that comes late finds a record, and by tag or sequence that
// it is not meant. `references` counts the open PollDesc and its waiters, so that a record is not
// used again before the last waiter has left it.
struct PollRecord {
  SpinLock lock;
  std::atomic<uint32_t> flags{0};
  std::atomic<uint32_t> references{0};
  int fd = -1;
  uint32_t index = 0;
  std::atomic<uint32_t> generation{0};
  Direction directions[2];
  PollRecord* next_free = nullptr;
};

namespace {

constexpr int read_side = 0;
constexpr int write_side = 1;

struct Records {
  RawSpinLock lock;
  PollRecord* free = nullptr;
  std::vector<PollRecord*> slabs;  // only under lock; events use `table`
  uint32_t count = 0;
};
constexpr uint32_t slab_records = 256;
constexpr uint32_t slabs_max = 1 << 14;
Records records;
std::atomic<PollRecord*> table[slabs_max];

PollRecord* take_record() {
  std::lock_guard lock(records.lock);
  if (records.free == nullptr) {
    uint32_t slab = records.count / slab_records;
    if (slab == slabs_max) return nullptr;
    PollRecord* fresh = new PollRecord[slab_records];
    table[slab].store(fresh, std::memory_order_release);
    for (uint32_t i = slab_records; i-- > 0;) {
      fresh[i].index = slab * slab_records + i;
      fresh[i].directions[read_side].late = read_late;
      fresh[i].directions[write_side].late = write_late;
      fresh[i].next_free = records.free;
      records.free = &fresh[i];
    }
    records.count += slab_records;
  }
  PollRecord* record = records.free;
  records.free = record->next_free;
  return record;
}

void release(PollRecord* record) {
  if (record->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  record->generation.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(records.lock);
  record->next_free = records.free;
  records.free = record;
}

// A waiter sets `arriving` and then reads the flags; who raises a flag sets it and then reads the
// word (here). One of them sees the other: all four accesses are sequentially consistent.
//
// The goroutine that is to be woken, if any. `io`: an event is remembered for the next waiter.
G* unblock(Direction& direction, bool io) {
  uintptr_t word = direction.word.load(std::memory_order_seq_cst);
  for (;;) {
    interleave();
    if (word == event || (word == nobody && !io)) return nullptr;
    if (direction.word.compare_exchange_weak(word, io ? event : nobody, std::memory_order_acq_rel))
      return word > arriving ? reinterpret_cast<G*>(word) : nullptr;
  }
}

Result<void> check(PollRecord* record, const Direction& direction) {
  // Never destroyed: threads that outlive main() may still be here.
  static const Error& closed = *new Error(Code::cancelled, "use of a closed descriptor");
  static const Error& stopped = *new Error(Code::cancelled, "I/O interrupted");
  static const Error& late = *new Error(Code::deadline_exceeded, "I/O timeout");
  uint32_t flags = record->flags.load(std::memory_order_seq_cst);
  if ((flags & (closing | interrupted | direction.late)) == 0) [[likely]]
    return {};
  if ((flags & closing) != 0) return closed;
  if ((flags & interrupted) != 0) return stopped;
  return late;
}

// Waits until there is an event or unblock() was called; true: an event, consumed.
bool block(PollRecord* record, Direction& direction) {
  for (;;) {
    interleave();
    uintptr_t expected = event;
    if (direction.word.compare_exchange_strong(expected, nobody, std::memory_order_acq_rel))
      return true;
    expected = nobody;
    if (direction.word.compare_exchange_strong(expected, arriving, std::memory_order_seq_cst))
      break;
    SLUICE_ASSERT(expected == event, "two goroutines wait for the same direction of a descriptor");
  }
  // `arriving` is set before the check: whoever raises a flag afterwards finds us to wake.
  interleave();
  if (check(record, direction).has_value()) {
    Section section;
    uintptr_t expected = arriving;
    if (direction.word.compare_exchange_strong(expected, reinterpret_cast<uintptr_t>(section.g()),
                                               std::memory_order_acq_rel))
      section.park(WaitReason::io_wait);
  }
  return direction.word.exchange(nobody, std::memory_order_acq_rel) == event;
}

Result<void> wait(PollRecord* record, int side) {
  SLUICE_ASSERT(record != nullptr, "wait on a PollDesc that is not open");
  Direction& direction = record->directions[side];
  record->references.fetch_add(1, std::memory_order_relaxed);
  Result<void> state = check(record, direction);
  while (state.has_value() && !block(record, direction)) state = check(record, direction);
  release(record);
  return state;
}

void wake(G* g) {
  if (g != nullptr) ready_sectioned(g);
}

void deadline_passed(PollRecord* record, int side, uint64_t sequence) {
  Direction& direction = record->directions[side];
  G* g;
  {
    std::lock_guard lock(record->lock);
    if (direction.sequence != sequence) return;
    record->flags.fetch_or(direction.late, std::memory_order_seq_cst);
    g = unblock(direction, false);
  }
  wake(g);
}

void read_deadline_passed(void* record, uint64_t sequence) {
  deadline_passed(static_cast<PollRecord*>(record), read_side, sequence);
}
void write_deadline_passed(void* record, uint64_t sequence) {
  deadline_passed(static_cast<PollRecord*>(record), write_side, sequence);
}

void set_deadline(PollRecord* record, int side, Instant when) {
  if (record == nullptr) return;
  Direction& direction = record->directions[side];
  bool past = when != Instant::max() && when <= now();
  G* g = nullptr;
  {
    std::lock_guard lock(record->lock);
    ++direction.sequence;
    direction.timer.stop();
    if ((record->flags.load(std::memory_order_relaxed) & closing) != 0) return;
    if (past) {
      record->flags.fetch_or(direction.late, std::memory_order_seq_cst);
      g = unblock(direction, false);
    } else {
      record->flags.fetch_and(~static_cast<uint32_t>(direction.late), std::memory_order_acq_rel);
      if (when != Instant::max())
        direction.timer.start(when,
                              side == read_side ? read_deadline_passed : write_deadline_passed,
                              record, direction.sequence);
    }
  }
  wake(g);
}

void raise(PollRecord* record, Flag flag) {
  record->flags.fetch_or(flag, std::memory_order_seq_cst);
  for (Direction& direction : record->directions) wake(unblock(direction, false));
}

}  // namespace

uint64_t poll_record_tag(PollRecord* record) {
  return uint64_t{record->generation.load(std::memory_order_relaxed)} << 32 | record->index;
}

void poll_record_ready(uint64_t tag, bool read, bool write, bool hung_up, GList& list) {
  uint32_t index = static_cast<uint32_t>(tag);
  PollRecord* slab = table[index / slab_records].load(std::memory_order_acquire);
  PollRecord* record = &slab[index % slab_records];
  if (record->generation.load(std::memory_order_acquire) != static_cast<uint32_t>(tag >> 32))
    return;
  if (hung_up) record->flags.fetch_or(hung, std::memory_order_acq_rel);
  for (int side : {read_side, write_side}) {
    if (!(side == read_side ? read : write)) continue;
    G* g = unblock(record->directions[side], true);
    if (g == nullptr) continue;
    if (!g->foreign && g->runtime != sched.number.load(std::memory_order_relaxed)) continue;
    if (g->foreign)
      ready_sectioned(g);
    else
      list.push(g);
  }
}

PollDesc::PollDesc(PollDesc&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}

PollDesc& PollDesc::operator=(PollDesc&& other) noexcept {
  if (this != &other) {
    drop();
    record_ = std::exchange(other.record_, nullptr);
  }
  return *this;
}

PollDesc::~PollDesc() { drop(); }

// close() leaves the record to those who may be about to wait on it; only the end of this object's
// life, which must not overlap other calls, gives it back.
void PollDesc::drop() {
  close();
  if (record_ != nullptr) release(std::exchange(record_, nullptr));
}

bool PollDesc::is_open() const {
  return record_ != nullptr && (record_->flags.load(std::memory_order_acquire) & closing) == 0;
}

bool PollDesc::hung_up() const {
  return record_ != nullptr && (record_->flags.load(std::memory_order_acquire) & hung) != 0;
}

Result<void> PollDesc::open(int fd) {
  SLUICE_ASSERT(!is_open(), "PollDesc is open already");
  drop();
  if (!sched.started.load(std::memory_order_acquire))
    return Error(Code::failed_precondition, "descriptor: no Runtime exists");
  PollRecord* record = take_record();
  if (record == nullptr)
    return Error(Code::resource_exhausted, "descriptor: all poll records are in use");
  record->fd = fd;
  record->flags.store(0, std::memory_order_relaxed);
  record->references.store(1, std::memory_order_relaxed);
  for (Direction& direction : record->directions)
    direction.word.store(nobody, std::memory_order_relaxed);
  if (Result<void> added = netpoll_add(fd, record); !added.has_value()) {
    release(record);
    return added;
  }
  record_ = record;
  return {};
}

void PollDesc::close() {
  PollRecord* record = record_;
  if (record == nullptr) return;
  if ((record->flags.fetch_or(closing, std::memory_order_seq_cst) & closing) != 0) {
    // Another call is at it. Its system call comes first, else our caller might close the
    // descriptor and the call hit another one of the same number.
    while ((record->flags.load(std::memory_order_acquire) & unregistered) == 0) {
      if (Simulation* current = simulation())
        current->wait_for_others();
      else
        ::sched_yield();
    }
    return;
  }
  netpoll_remove(record->fd);
  record->flags.fetch_or(unregistered, std::memory_order_release);
  {
    std::lock_guard lock(record->lock);
    for (Direction& direction : record->directions) {
      ++direction.sequence;
      direction.timer.stop();
    }
  }
  raise(record, closing);
}

Result<void> PollDesc::wait_read() { return wait(record_, read_side); }
Result<void> PollDesc::wait_write() { return wait(record_, write_side); }
void PollDesc::set_read_deadline(Instant when) { set_deadline(record_, read_side, when); }
void PollDesc::set_write_deadline(Instant when) { set_deadline(record_, write_side, when); }

void PollDesc::interrupt() {
  if (record_ != nullptr) raise(record_, interrupted);
}

void PollDesc::clear_interrupt() {
  if (record_ != nullptr)
    record_->flags.fetch_and(~static_cast<uint32_t>(interrupted), std::memory_order_acq_rel);
}

}  // namespace sluice::runtime
