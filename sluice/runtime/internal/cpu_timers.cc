// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_timers.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "sluice/runtime/internal/thread_clock.h"

namespace sluice::runtime {

namespace {

char mark_of_timers;

itimerspec spec_of(uint64_t first_ns, uint64_t period_ns) {
  auto time = [](uint64_t ns) {
    return timespec{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  };
  return {.it_interval = time(period_ns), .it_value = time(first_ns)};
}

// Every thread's id, at some moment.
template <class Visit>
void visit_threads(Visit visit) {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return;
  while (const dirent* entry = ::readdir(tasks))
    if (int tid = std::atoi(entry->d_name); tid != 0) visit(tid);
  ::closedir(tasks);
}

}  // namespace

void* CpuTimers::mark() { return &mark_of_timers; }

CpuTimers::~CpuTimers() { stop(); }

void CpuTimers::arm(int tid) {
  std::lock_guard lock(mutex_);
  arm_locked(tid);
}

void CpuTimers::scan() {
  std::lock_guard lock(mutex_);
  ++scans_;
  refused_ = 0;
  visit_threads([this](int tid) { arm_locked(tid); });
  std::erase_if(timers_, [this](const auto& entry) {
    bool ended = entry.second.seen != scans_;
    if (ended) ::syscall(SYS_timer_delete, entry.second.id);
    return ended;
  });
}

void CpuTimers::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [tid, timer] : timers_) ::syscall(SYS_timer_delete, timer.id);
  timers_.clear();
}

size_t CpuTimers::refused() const {
  std::lock_guard lock(mutex_);
  return refused_;
}

bool CpuTimers::has(int tid) const {
  std::lock_guard lock(mutex_);
  return timers_.contains(tid);
}

size_t CpuTimers::armed() const {
  std::lock_guard lock(mutex_);
  return timers_.size();
}

// Another thread may have got the id since. Of a thread that is gone the timer has nothing to wait
// for, and says so by a time of zero.
bool CpuTimers::is_gone(const Timer& timer) const {
  itimerspec left = {};
  return ::syscall(SYS_timer_gettime, timer.id, &left) != 0 ||
         (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
}

void CpuTimers::arm_locked(int tid) {
  if (stopped_) return;
  if (auto at = timers_.find(tid); at != timers_.end()) {
    at->second.seen = scans_;
    if (!is_gone(at->second)) return;
    ::syscall(SYS_timer_delete, at->second.id);
    timers_.erase(at);
  }
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = tid;  // sigev_notify_thread_id, which glibc does not name
  event.sigev_value.sival_ptr = mark();
  int id;
  if (::syscall(SYS_timer_create, thread_cpu_clock(tid), &event, &id) != 0) {
    if (errno == EAGAIN) ++refused_;  // otherwise it has just ended
    return;
  }
  random_ = random_ * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
  itimerspec spec = spec_of(1 + (random_ >> 32) % period_ns_, period_ns_);
  ::syscall(SYS_timer_settime, id, 0, &spec, nullptr);
  timers_.emplace(tid, Timer{id, scans_});
}

}  // namespace sluice::runtime
