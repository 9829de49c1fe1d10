// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "sluice/base/time.h"
#include "sluice/sqlite/simulated_disk.h"

namespace sluice::sqlite::internal {

// The memory that connections in WAL mode share, and its locks. A killed process keeps looking at
// the one that it had.
struct SharedMemory {
  std::vector<std::unique_ptr<std::byte[]>> regions;
  std::array<int, SQLITE_SHM_NLOCK> readers{};
  std::array<bool, SQLITE_SHM_NLOCK> is_exclusive{};
  int users = 0;
};

struct OpenFile;

struct DiskFile {
  std::string content;                              // what processes see
  std::string synced;                               // what a power cut leaves for certain
  std::vector<std::pair<size_t, size_t>> unsynced;  // ranges of content
  int readers = 0;                                  // who hold SHARED or more
  const OpenFile* reserved = nullptr;               // or more
  const OpenFile* pending = nullptr;                // or EXCLUSIVE: nobody may begin to read
  std::shared_ptr<SharedMemory> memory;             // null: nobody has it mapped
};

// What SQLite calls sqlite3_file, in storage that it provides.
struct OpenFile {
  sqlite3_file base;  // first: it is what SQLite points to
  std::shared_ptr<DiskFile> file;
  std::shared_ptr<SharedMemory> memory;  // null: not mapped
  std::string name;                      // for notes; empty: a temporary file
  uint64_t life = 0;
  int lock = SQLITE_LOCK_NONE;
  uint16_t shared_slots = 0;  // of the memory's locks
  uint16_t exclusive_slots = 0;
};

// The files, and the calls of SQLite on them. Nothing in here waits while it holds the mutex: the
// points and the sleeps of a simulation come before each operation.
class Disk {
 public:
  explicit Disk(DiskFaults faults);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void kill();
  void cut_power();
  void set_faults(const DiskFaults& faults);
  DiskCounts counts() const;

  // As the methods of the same names of sqlite3_vfs and sqlite3_io_methods.
  int open(const char* name, OpenFile& out, int flags, int* out_flags);
  int remove(const char* name);
  bool exists(const char* name) const;
  void close(OpenFile& open);
  int read(OpenFile& open, void* out, size_t bytes, size_t at);
  int write(OpenFile& open, const void* from, size_t bytes, size_t at);
  int truncate(OpenFile& open, size_t size);
  int sync(OpenFile& open);
  int size(OpenFile& open, sqlite3_int64* out);
  int lock(OpenFile& open, int level);
  int unlock(OpenFile& open, int level);
  int is_reserved(OpenFile& open, int* out);
  int map(OpenFile& open, int region, size_t bytes, bool extend, volatile void** out);
  int lock_memory(OpenFile& open, int first, int count, int flags);
  int unmap(OpenFile& open);

 private:
  bool is_dead(const OpenFile& open) const { return open.life != life_; }
  bool fails(uint32_t DiskFaults::* rate, uint64_t DiskCounts::* count, const char* what,
             const OpenFile& open);
  void release(OpenFile& open, int level);
  void forget_processes();
  void lose_unsynced(DiskFile& file, uint32_t mode);

  mutable std::mutex mutex_;  // guards all below, and the files
  DiskFaults faults_;
  DiskCounts counts_;
  uint64_t life_ = 1;  // one more with each kill
  std::map<std::string, std::shared_ptr<DiskFile>> files_;
};

// SQLite's way to the disk: registers it as what paths are opened on, while it lives.
class DiskVfs {
 public:
  explicit DiskVfs(Disk& disk);
  ~DiskVfs();
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;

 private:
  sqlite3_vfs vfs_{};
};

}  // namespace sluice::sqlite::internal
