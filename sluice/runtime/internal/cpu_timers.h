// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace sluice::runtime {

// A timer for each thread of the process, which sends SIGPROF to that thread whenever it has used
// up another period of CPU time. A thread that sleeps is left alone.
//
// ## Why not setitimer(ITIMER_PROF)
// It counts for the process, and the kernel gives its signal to any thread: one signal may be
// pending at a time, so that above some ten busy threads most are lost, and a thread is charged for
// what another did. Go has moved from it to a timer for each of its own threads (proposal 35057;
// runtime/os_linux.go, setThreadCPUProfiler) and keeps it for threads that it did not make, since
// Go's threads arm themselves. Here any thread may arm any other: the kernel lets a process make a
// timer on another thread's clock which signals that thread. So there is one mechanism, which needs
// nothing of the thread, and no setitimer.
//
// Thread-safety: all of it is locked inside. Not a signal handler's.
class CpuTimers {
 public:
  explicit CpuTimers(uint64_t period_ns) : period_ns_(period_ns) {}
  ~CpuTimers();
  CpuTimers(const CpuTimers&) = delete;
  CpuTimers& operator=(const CpuTimers&) = delete;

  // Signals of these timers carry it as their value.
  static void* mark();

  // Arms that thread's timer, unless it has one. The first signal comes after a part of a period
  // that is drawn by lot: a thread that lives for a tenth of a period is seen by every tenth
  // profile.
  void arm(int tid);
  // Arms every thread that has none, and forgets those that are gone.
  void scan();
  // Deletes all timers, and arms none from now on. A signal that is on its way still comes.
  void stop();

  // Threads that the system had no timer for (RLIMIT_SIGPENDING) at the last look.
  size_t refused() const;
  size_t armed() const;
  bool has(int tid) const;

 private:
  struct Timer {
    int id;  // the kernel's
    uint64_t seen;
  };

  void arm_locked(int tid);
  bool is_gone(const Timer& timer) const;

  const uint64_t period_ns_;
  mutable std::mutex mutex_;
  std::unordered_map<int, Timer> timers_;  // by thread id
  uint64_t scans_ = 0;
  uint64_t random_ = 0;
  size_t refused_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice::runtime
