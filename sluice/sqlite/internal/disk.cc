// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/internal/disk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sluice/base/assert.h"
#include "sluice/base/random.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/simulation.h"

namespace sluice::sqlite::internal {

namespace {

constexpr size_t sector_bytes = 512;

// How much of what was not synced a power cut loses. The first one is the harmless one.
enum Loss : uint32_t { loses_none, loses_all, loses_some };

uint32_t choose_latency(uint32_t count) {
  runtime::Simulation* simulation = runtime::simulation();
  return simulation == nullptr ? 0 : simulation->choose(runtime::Decision::latency, count);
}

void wait(Duration duration) {
  if (duration > Duration::zero()) sleep_for(duration);
}

uint16_t slots_of(int first, int count) {
  return static_cast<uint16_t>(((1u << count) - 1) << first);
}

}  // namespace

Disk::Disk(DiskFaults faults) : faults_(faults) {}
Disk::~Disk() = default;

void Disk::set_faults(const DiskFaults& faults) {
  std::lock_guard guard{mutex_};
  faults_ = faults;
}

DiskCounts Disk::counts() const {
  std::lock_guard guard{mutex_};
  return counts_;
}

// Guarded by mutex_.
void Disk::forget_processes() {
  ++life_;
  for (auto& [name, file] : files_) {
    file->readers = 0;
    file->reserved = file->pending = nullptr;
    file->memory = nullptr;
  }
}

void Disk::kill() {
  std::lock_guard guard{mutex_};
  forget_processes();
}

void Disk::cut_power() {
  runtime::Simulation* simulation = runtime::simulation();
  const uint32_t loss =
      simulation == nullptr ? loses_all : simulation->choose(runtime::Decision::fault, 3);
  std::lock_guard guard{mutex_};
  forget_processes();
  for (auto& [name, file] : files_) lose_unsynced(*file, loss);
}

// Guarded by mutex_. A sector is there as a whole or not at all.
void Disk::lose_unsynced(DiskFile& file, uint32_t loss) {
  for (const auto& [begin, end] : file.unsynced)
    for (size_t at = begin; at < std::min(end, file.content.size());) {
      const size_t next =
          std::min({(at / sector_bytes + 1) * sector_bytes, end, file.content.size()});
      if (loss == loses_none || (loss == loses_some && random_bits() % 2 == 0)) {
        if (file.synced.size() < next) file.synced.resize(next);
        std::copy_n(&file.content[at], next - at, &file.synced[at]);
      } else {
        ++counts_.sectors_lost;
      }
      at = next;
    }
  if (loss == loses_none) file.synced.resize(file.content.size());
  file.content = file.synced;
  file.unsynced.clear();
}

// Guarded by mutex_.
bool Disk::fails(uint32_t DiskFaults::* rate, uint64_t DiskCounts::* count, const char* what,
                 const OpenFile& open) {
  runtime::Simulation* simulation = runtime::simulation();
  if (simulation == nullptr || faults_.*rate == 0) return false;
  if (!simulation->happens(runtime::Decision::fault, faults_.*rate)) return false;
  ++(counts_.*count);
  simulation->note(std::string("disk: ") + what + ' ' +
                   (open.name.empty() ? "a temporary file" : open.name));
  return true;
}

int Disk::open(const char* name, OpenFile& out, int flags, int* out_flags) {
  std::lock_guard guard{mutex_};
  std::shared_ptr<DiskFile> file;
  if (name == nullptr) {
    file = std::make_shared<DiskFile>();
  } else if (auto found = files_.find(name); found != files_.end()) {
    file = found->second;
  } else {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    file = files_[name] = std::make_shared<DiskFile>();
  }
  out.file = std::move(file);
  out.name = name == nullptr ? "" : name;
  out.life = life_;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

// Deleting is at once and for good. A process that was killed has nothing to delete.
int Disk::remove(const char* name) {
  std::lock_guard guard{mutex_};
  return files_.erase(name) != 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

bool Disk::exists(const char* name) const {
  std::lock_guard guard{mutex_};
  return files_.contains(name);
}

void Disk::close(OpenFile& open) {
  std::lock_guard guard{mutex_};
  if (!is_dead(open)) release(open, SQLITE_LOCK_NONE);
}

int Disk::read(OpenFile& open, void* out, size_t bytes, size_t at) {
  std::lock_guard guard{mutex_};
  ++counts_.reads;
  if (is_dead(open)) return SQLITE_IOERR_READ;
  if (fails(&DiskFaults::read_error, &DiskCounts::read_errors, "cannot read", open))
    return SQLITE_IOERR_READ;
  const std::string& content = open.file->content;
  const size_t there = at < content.size() ? std::min(bytes, content.size() - at) : 0;
  if (there != 0) std::memcpy(out, &content[at], there);
  if (there == bytes) return SQLITE_OK;
  std::memset(static_cast<std::byte*>(out) + there, 0, bytes - there);
  return SQLITE_IOERR_SHORT_READ;
}

int Disk::write(OpenFile& open, const void* from, size_t bytes, size_t at) {
  runtime::interleave();
  std::lock_guard guard{mutex_};
  ++counts_.writes;
  if (is_dead(open)) return SQLITE_IOERR_WRITE;
  int status = SQLITE_OK;
  if (fails(&DiskFaults::full, &DiskCounts::full, "no space for", open))
    status = SQLITE_FULL;
  else if (fails(&DiskFaults::write_error, &DiskCounts::write_errors, "cannot write", open))
    status = SQLITE_IOERR_WRITE;
  if (status != SQLITE_OK) bytes = choose_latency(static_cast<uint32_t>(bytes));
  if (bytes == 0) return status;
  DiskFile& file = *open.file;
  if (file.content.size() < at + bytes) file.content.resize(at + bytes);
  std::memcpy(&file.content[at], from, bytes);
  if (!file.unsynced.empty() && file.unsynced.back().second == at)
    file.unsynced.back().second = at + bytes;
  else
    file.unsynced.emplace_back(at, at + bytes);
  return status;
}

int Disk::truncate(OpenFile& open, size_t size) {
  runtime::interleave();
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_TRUNCATE;
  open.file->content.resize(std::min(size, open.file->content.size()));
  return SQLITE_OK;
}

int Disk::sync(OpenFile& open) {
  runtime::interleave();
  Duration pause = std::chrono::microseconds(100) * choose_latency(30);
  {
    std::lock_guard guard{mutex_};
    if (fails(&DiskFaults::slow_sync, &DiskCounts::slow_syncs, "is slow to sync", open))
      pause += std::chrono::milliseconds(10) * (1 + choose_latency(100));
  }
  wait(pause);
  std::lock_guard guard{mutex_};
  ++counts_.syncs;
  if (is_dead(open)) return SQLITE_IOERR_FSYNC;
  DiskFile& file = *open.file;
  if (fails(&DiskFaults::sync_error, &DiskCounts::sync_errors, "cannot sync", open))
    return SQLITE_IOERR_FSYNC;
  file.synced.resize(file.content.size());
  for (const auto& [begin, end] : file.unsynced)
    if (begin < file.content.size())
      std::copy_n(&file.content[begin], std::min(end, file.content.size()) - begin,
                  &file.synced[begin]);
  file.unsynced.clear();
  return SQLITE_OK;
}

int Disk::size(OpenFile& open, sqlite3_int64* out) {
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_FSTAT;
  *out = static_cast<sqlite3_int64>(open.file->content.size());
  return SQLITE_OK;
}

// SQLite's own protocol: any number of SHARED; one of them RESERVED, which lets others begin to
// read; PENDING does not; EXCLUSIVE is alone.
int Disk::lock(OpenFile& open, int level) {
  runtime::interleave();
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_LOCK;
  if (open.lock >= level) return SQLITE_OK;
  if (fails(&DiskFaults::busy, &DiskCounts::busy, "somebody has locked", open)) return SQLITE_BUSY;
  DiskFile& file = *open.file;
  if (open.lock == SQLITE_LOCK_NONE) {
    if (file.pending != nullptr) return SQLITE_BUSY;
    ++file.readers;
    open.lock = SQLITE_LOCK_SHARED;
  }
  if (level == SQLITE_LOCK_SHARED) return SQLITE_OK;
  if (file.reserved != nullptr && file.reserved != &open) return SQLITE_BUSY;
  file.reserved = &open;
  if (level == SQLITE_LOCK_RESERVED) {
    open.lock = level;
    return SQLITE_OK;
  }
  file.pending = &open;
  open.lock = file.readers == 1 ? SQLITE_LOCK_EXCLUSIVE : SQLITE_LOCK_PENDING;
  return open.lock == SQLITE_LOCK_EXCLUSIVE ? SQLITE_OK : SQLITE_BUSY;
}

int Disk::unlock(OpenFile& open, int level) {
  runtime::interleave();
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_UNLOCK;
  release(open, level);
  return SQLITE_OK;
}

// Guarded by mutex_.
void Disk::release(OpenFile& open, int level) {
  DiskFile& file = *open.file;
  if (open.lock <= level) return;
  if (file.pending == &open) file.pending = nullptr;
  if (file.reserved == &open) file.reserved = nullptr;
  if (level == SQLITE_LOCK_NONE) --file.readers;
  open.lock = level;
}

int Disk::is_reserved(OpenFile& open, int* out) {
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  *out = open.file->reserved != nullptr;
  return SQLITE_OK;
}

int Disk::map(OpenFile& open, int region, size_t bytes, bool extend, volatile void** out) {
  std::lock_guard guard{mutex_};
  *out = nullptr;
  if (is_dead(open)) return SQLITE_IOERR_SHMMAP;
  if (open.memory == nullptr) {
    if (open.file->memory == nullptr) open.file->memory = std::make_shared<SharedMemory>();
    open.memory = open.file->memory;
    ++open.memory->users;
  }
  auto& regions = open.memory->regions;
  const auto index = static_cast<size_t>(region);
  while (extend && regions.size() <= index) regions.push_back(std::make_unique<std::byte[]>(bytes));
  if (index < regions.size()) *out = regions[index].get();
  return SQLITE_OK;
}

int Disk::lock_memory(OpenFile& open, int first, int count, int flags) {
  runtime::interleave();
  std::lock_guard guard{mutex_};
  if (is_dead(open)) return SQLITE_IOERR_SHMLOCK;
  SharedMemory& memory = *open.memory;
  const uint16_t slots = slots_of(first, count);
  const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
  const int end = first + count;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    for (int slot = first; slot < end; ++slot) {
      if ((open.shared_slots >> slot & 1) != 0) --memory.readers[static_cast<size_t>(slot)];
      if ((open.exclusive_slots >> slot & 1) != 0)
        memory.is_exclusive[static_cast<size_t>(slot)] = false;
    }
    open.shared_slots &= static_cast<uint16_t>(~slots);
    open.exclusive_slots &= static_cast<uint16_t>(~slots);
    return SQLITE_OK;
  }
  if (fails(&DiskFaults::busy, &DiskCounts::busy, "somebody has locked", open)) return SQLITE_BUSY;
  for (int slot = first; slot < end; ++slot) {
    const int own = open.shared_slots >> slot & 1;
    if (memory.is_exclusive[static_cast<size_t>(slot)]) return SQLITE_BUSY;
    if (!is_shared && memory.readers[static_cast<size_t>(slot)] > own) return SQLITE_BUSY;
    if (is_shared && own != 0) return SQLITE_OK;
  }
  for (int slot = first; slot < end; ++slot) {
    if (is_shared)
      ++memory.readers[static_cast<size_t>(slot)];
    else
      memory.is_exclusive[static_cast<size_t>(slot)] = true;
  }
  (is_shared ? open.shared_slots : open.exclusive_slots) |= slots;
  return SQLITE_OK;
}

int Disk::unmap(OpenFile& open) {
  std::lock_guard guard{mutex_};
  // The last one leaves nothing behind: whoever maps it next reads the WAL anew.
  if (open.memory != nullptr && --open.memory->users == 0 && open.file->memory == open.memory)
    open.file->memory = nullptr;
  open.memory = nullptr;
  return SQLITE_OK;
}

}  // namespace sluice::sqlite::internal
