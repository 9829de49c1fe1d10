// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <span>

#include "sluice/base/assert.h"
#include "sluice/base/random.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/simulation.h"
#include "sluice/sqlite/internal/disk.h"

namespace sluice::sqlite::internal {

namespace {

// One disk at a time, so that files need not know theirs.
Disk* installed = nullptr;

OpenFile& as_open(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

// Functions with names, which timelines show.

int close_file(sqlite3_file* file) {
  installed->close(as_open(file));
  as_open(file).~OpenFile();
  return SQLITE_OK;
}
int read_file(sqlite3_file* file, void* out, int bytes, sqlite3_int64 at) {
  return installed->read(as_open(file), out, static_cast<size_t>(bytes), static_cast<size_t>(at));
}
int write_file(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 at) {
  return installed->write(as_open(file), from, static_cast<size_t>(bytes), static_cast<size_t>(at));
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return installed->truncate(as_open(file), static_cast<size_t>(size));
}
int sync_file(sqlite3_file* file, int) { return installed->sync(as_open(file)); }
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return installed->size(as_open(file), size);
}
int lock_file(sqlite3_file* file, int level) { return installed->lock(as_open(file), level); }
int unlock_file(sqlite3_file* file, int level) { return installed->unlock(as_open(file), level); }
int is_file_reserved(sqlite3_file* file, int* out) {
  return installed->is_reserved(as_open(file), out);
}
int map_memory(sqlite3_file* file, int region, int bytes, int extend, volatile void** out) {
  return installed->map(as_open(file), region, static_cast<size_t>(bytes), extend != 0, out);
}
int lock_memory(sqlite3_file* file, int first, int count, int flags) {
  return installed->lock_memory(as_open(file), first, count, flags);
}
void order_memory(sqlite3_file*) {
  // Pairs with itself on other threads, as SQLite asks for.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  runtime::interleave();
}
int unmap_memory(sqlite3_file* file, int) { return installed->unmap(as_open(file)); }

constexpr sqlite3_io_methods methods{
    .iVersion = 2,  // with shared memory, without memory-mapped files
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = is_file_reserved,
    .xFileControl = [](sqlite3_file*, int, void*) -> int { return SQLITE_NOTFOUND; },
    .xSectorSize = [](sqlite3_file*) -> int { return 4096; },
    .xDeviceCharacteristics = [](sqlite3_file*) -> int {
      return SQLITE_IOCAP_POWERSAFE_OVERWRITE;  // as SQLite takes it for granted of Unix
    },
    .xShmMap = map_memory,
    .xShmLock = lock_memory,
    .xShmBarrier = order_memory,
    .xShmUnmap = unmap_memory,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* out, int flags, int* out_flags) {
  out->pMethods = nullptr;  // not to be closed, should this fail
  auto* open = new (out) OpenFile{};
  const int status = installed->open(name, *open, flags, out_flags);
  if (status != SQLITE_OK) {
    open->~OpenFile();
    return status;
  }
  open->base.pMethods = &methods;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int bytes, char* out) {
  if (std::strlen(name) >= static_cast<size_t>(bytes)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

// The days of SQLite are Julian and begin at noon.
int milliseconds_now(sqlite3_vfs*, sqlite3_int64* out) {
  constexpr sqlite3_int64 unix_epoch = 2'440'587 * sqlite3_int64{86'400'000} + 43'200'000;
  const auto time = std::chrono::floor<std::chrono::milliseconds>(wall()).time_since_epoch();
  *out = unix_epoch + time.count();
  return SQLITE_OK;
}

}  // namespace

DiskVfs::DiskVfs(Disk& disk) {
  SLUICE_ASSERT(installed == nullptr, "one simulated disk at a time");
  installed = &disk;
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(OpenFile);
  vfs_.mxPathname = 512;
  vfs_.zName = "sluice-simulated-disk";
  vfs_.xOpen = open_file;
  vfs_.xDelete = [](sqlite3_vfs*, const char* name, int) { return installed->remove(name); };
  vfs_.xAccess = [](sqlite3_vfs*, const char* name, int, int* out) {
    *out = installed->exists(name);
    return SQLITE_OK;
  };
  vfs_.xFullPathname = full_path;
  vfs_.xRandomness = [](sqlite3_vfs*, int bytes, char* out) {
    fill_random(std::as_writable_bytes(std::span(out, static_cast<size_t>(bytes))));
    return bytes;
  };
  vfs_.xSleep = [](sqlite3_vfs*, int microseconds) {
    sleep_for(std::chrono::microseconds(microseconds));
    return microseconds;
  };
  vfs_.xCurrentTime = [](sqlite3_vfs* vfs, double* out) {
    sqlite3_int64 milliseconds = 0;
    milliseconds_now(vfs, &milliseconds);
    *out = static_cast<double>(milliseconds) / 86'400'000;
    return SQLITE_OK;
  };
  vfs_.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  vfs_.xCurrentTimeInt64 = milliseconds_now;
  sqlite3_vfs_register(&vfs_, 1);
  sqlite3_randomness(0, nullptr);  // begins anew, from ours
}

DiskVfs::~DiskVfs() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_randomness(0, nullptr);
  installed = nullptr;
}

}  // namespace sluice::sqlite::internal
