// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>

namespace sluice::sqlite {

// How often a simulated disk fails: in a million of the calls that each can happen to. 0, the
// default of all, is never. Only a simulation (runtime/simulation.h) decides that they happen.
struct DiskFaults {
  uint32_t read_error = 0;   // reads: EIO
  uint32_t write_error = 0;  // writes: EIO, after a part of the bytes
  uint32_t full = 0;         // writes: ENOSPC, after a part of the bytes
  uint32_t sync_error = 0;   // syncs: EIO; a later sync makes up for it
  uint32_t slow_sync = 0;    // syncs: up to a second late
  uint32_t busy = 0;         // locks: held by another process for a moment

  // A dying disk: all of them, each often enough to be met by a test of some hundred commits.
  static DiskFaults rough();
};

// What a simulated disk has done, and what it has done wrong.
struct DiskCounts {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t syncs = 0;
  uint64_t read_errors = 0;
  uint64_t write_errors = 0;
  uint64_t full = 0;
  uint64_t sync_errors = 0;
  uint64_t slow_syncs = 0;
  uint64_t busy = 0;
  uint64_t sectors_lost = 0;  // by power cuts

  friend bool operator==(const DiskCounts&, const DiskCounts&) = default;
};

// A disk in memory, in the file system's place: while it lives, every Database that is opened by a
// path is on it, WAL, shared memory, locks and all. What is written is seen by all connections at
// once; what has been synced survives a power cut, of the rest any part.
//
// In a simulation its calls are points at which others get in between, in the middle of a
// statement, too; syncs take time; faults happen and are noted; SQLite's own random numbers and
// dates come from the seed.
//
// One at a time; it is empty when made, and the connections on it end before it does, but for those
// of a process that was killed. Thread-safe.
// Source: SQLite's sqlite3_vfs, and test_vfs.c and test6.c of its own tests, which do as much.
class SimulatedDisk {
 public:
  explicit SimulatedDisk(DiskFaults faults = {});
  ~SimulatedDisk();
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // What kill -9 does to all who have files open: from now on their calls fail and change nothing,
  // and their locks are gone; what they wrote is there. Who opens a file now is a new process.
  void kill();

  // The same, and sectors of 512 bytes that were written and not synced are lost: all, none, or any
  // of them, as the simulation decides; without one, all.
  void cut_power();

  // From now on.
  void set_faults(const DiskFaults& faults);
  DiskCounts counts() const;

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::sqlite
