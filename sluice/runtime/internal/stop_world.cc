// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stop_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "sluice/base/time.h"
#include "sluice/runtime/internal/interrupt.h"
#include "sluice/runtime/internal/sanitizer.h"

namespace sluice::runtime {

namespace {

constexpr size_t threads_max = 1 << 16;
// A thread stops as soon as it has a CPU. All others wait meanwhile.
constexpr Duration patience = std::chrono::milliseconds(200);

// Odd while a stop is on; what the stopped wait on.
std::atomic<uint32_t> epoch{0};
// Mapped by the first stop, for ever: a signal may be delivered late.
StoppedThread* table = nullptr;
std::atomic<uint32_t> table_size{0};

void wait_while(uint32_t value) {
  while (epoch.load(std::memory_order_acquire) == value)
    ::syscall(SYS_futex, &epoch, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

StoppedThread* find(int tid) {
  uint32_t size = table_size.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < size; ++i)
    if (table[i].tid == tid) return &table[i];
  return nullptr;
}

// Calls `visit(tid)` for every thread of the process until it returns false. Allocates nothing.
// False: `visit` did, or the list cannot be read.
template <class Visit>
bool visit_threads(Visit visit) {
  int fd = ::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  alignas(8) char buffer[4096];
  bool going = true;
  long n;
  while (going && (n = ::syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
    for (long at = 0; going && at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      int tid = 0;
      std::string_view name = entry->d_name;
      std::from_chars(name.data(), name.data() + name.size(), tid);
      if (tid != 0) going = visit(tid);
    }
  }
  ::close(fd);
  return going;
}

void pause_briefly() {
  timespec moment{0, 50'000};
  ::nanosleep(&moment, nullptr);
}

enum class Can : uint8_t { stop, not_stop, be_ignored };

// By /proc/self/task/<tid>/status: whether it takes SIGURG, or is gone.
Can ask_kernel(int tid) {
  char path[64] = "/proc/self/task/";
  char* end = std::to_chars(path + std::strlen(path), path + sizeof path - 8, tid).ptr;
  std::memcpy(end, "/status", 8);
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Can::be_ignored;
  char text[4096];
  ssize_t n = ::read(fd, text, sizeof text);
  ::close(fd);
  std::string_view status(text, n > 0 ? static_cast<size_t>(n) : 0);
  size_t state = status.find("\nState:\t");
  if (state != std::string_view::npos && (status[state + 8] == 'Z' || status[state + 8] == 'X'))
    return Can::be_ignored;
  size_t blocked = status.find("\nSigBlk:\t");
  if (blocked == std::string_view::npos) return status.empty() ? Can::be_ignored : Can::not_stop;
  uint64_t mask = 0;
  std::from_chars(text + blocked + 9, text + status.size(), mask, 16);
  return (mask >> (SIGURG - 1) & 1) != 0 ? Can::not_stop : Can::stop;
}

}  // namespace

ThreadRegisters registers_of(const ucontext_t& context) {
#if defined(__x86_64__)
  return {static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]),
          static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP])};
#else
  return {context.uc_mcontext.pc, context.uc_mcontext.sp};
#endif
}

bool stop_if_asked(const void* context) {
  if (epoch.load(std::memory_order_acquire) % 2 == 0) return false;
  StoppedThread* self = find(static_cast<int>(::syscall(SYS_gettid)));
  uint32_t expected = StoppedThread::asked;
  if (self == nullptr || !self->state.compare_exchange_strong(expected, StoppedThread::stopping,
                                                              std::memory_order_acq_rel))
    return false;
  uint32_t now = epoch.load(std::memory_order_acquire);  // this stop's: it waits for `stopping`
  self->context = static_cast<const ucontext_t*>(context);
  self->handler_frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  // What this thread wrote is seen by who sees it stopped.
  self->state.store(StoppedThread::stopped, std::memory_order_release);
  wait_while(now);
  return true;
}

std::span<const StoppedThread> StoppedWorld::threads() const {
  return {table, table_size.load(std::memory_order_relaxed)};
}

bool StoppedWorld::refuse(int tid, const char* why, bool may_try_again) {
  if (failure_ != nullptr) return false;
  failure_ = why;
  refused_ = tid;
  may_try_again_ = may_try_again;
  return false;
}

// Everybody who is not in the table yet. False: nobody was new, or one cannot be asked.
bool StoppedWorld::ask_all(int self) {
  bool found = false;
  bool listed = visit_threads([&](int tid) {
    if (tid == self || find(tid) != nullptr) return true;
    uint32_t size = table_size.load(std::memory_order_relaxed);
    if (size == threads_max) return refuse(tid, "there are too many threads", false);
    StoppedThread& thread = table[size];
    thread.tid = tid;
    thread.state.store(StoppedThread::asked, std::memory_order_relaxed);
    table_size.store(size + 1, std::memory_order_release);
    if (::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) != 0)
      thread.state.store(StoppedThread::idle, std::memory_order_relaxed);  // it has ended
    found = true;
    return true;
  });
  if (!listed) refuse(self, "/proc/self/task cannot be read", false);
  return found && failure_ == nullptr;
}

// False: one did not stop. Those that have ended meanwhile need not.
bool StoppedWorld::wait_for_all() {
  Instant deadline = now() + patience;
  uint32_t size = table_size.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < size; ++i) {
    StoppedThread& thread = table[i];
    for (int round = 0;; ++round) {
      uint32_t state = thread.state.load(std::memory_order_acquire);
      if (state == StoppedThread::idle || state == StoppedThread::stopped) break;
      bool gone = round % 20 == 19 && ask_kernel(thread.tid) == Can::be_ignored;
      if (gone || now() > deadline) {
        uint32_t expected = StoppedThread::asked;
        if (!thread.state.compare_exchange_strong(expected, StoppedThread::idle,
                                                  std::memory_order_acq_rel))
          continue;  // it is at it
        if (gone || ask_kernel(thread.tid) == Can::be_ignored) break;
        return refuse(thread.tid, did_not_stop, true);
      }
      if (round < 20)
        ::sched_yield();
      else
        pause_briefly();
    }
  }
  return true;
}

// Whether all threads take the signal. One that begins or ends blocks all for a moment.
bool StoppedWorld::all_can_stop(int self) {
  return visit_threads([&](int tid) {
    for (int round = 0; tid != self && ask_kernel(tid) == Can::not_stop; ++round) {
      if (round == 200) return refuse(tid, "a thread blocks SIGURG", true);
      pause_briefly();
    }
    return true;
  });
}

bool StoppedWorld::stop() {
  if (sanitizer::thread) return refuse(0, "not under ThreadSanitizer", false);
  failure_ = nullptr;
  refused_ = 0;
  install_interrupts();
  if (table == nullptr) {
    void* memory = ::mmap(nullptr, threads_max * sizeof(StoppedThread), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return refuse(0, "there is no address space for it", false);
    table = static_cast<StoppedThread*>(memory);
  }
  int self = static_cast<int>(::syscall(SYS_gettid));
  if (!all_can_stop(self)) return refuse(refused_, "/proc/self/task cannot be read", false);
  table_size.store(0, std::memory_order_relaxed);
  epoch.fetch_add(1, std::memory_order_acq_rel);
  stopped_ = true;
  // Those that run may still make new ones; these come into the list before their makers stop.
  // Twice nobody: who ends while the list is read may hide another one behind it.
  for (int without_news = 0; without_news != 2; ++without_news) {
    if (ask_all(self)) without_news = -1;
    if (failure_ != nullptr || !wait_for_all()) break;
  }
  if (failure_ == nullptr) return true;
  resume();
  return false;
}

void StoppedWorld::resume() {
  if (!stopped_) return;
  stopped_ = false;
  uint32_t size = table_size.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < size; ++i) {
    uint32_t expected = StoppedThread::asked;  // its signal may come later, and stops nobody
    table[i].state.compare_exchange_strong(expected, StoppedThread::idle,
                                           std::memory_order_acq_rel);
    while (table[i].state.load(std::memory_order_acquire) == StoppedThread::stopping)
      ::sched_yield();
  }
  epoch.fetch_add(1, std::memory_order_acq_rel);
  ::syscall(SYS_futex, &epoch, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace sluice::runtime
