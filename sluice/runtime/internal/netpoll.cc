// SPDX-License-Identifier: Apache-2.0

// Edge-triggered epoll; only the eventfd that breaks a wait is level-triggered.

#include "sluice/runtime/internal/netpoll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

namespace {

constexpr int events_max = 128;
constexpr uint64_t break_tag = UINT64_MAX;
int epoll_fd = -1;
int break_fd = -1;
pid_t owner = -1;  // who made them
std::atomic<uint32_t> registered{0};
std::atomic<bool> breaking{false};
std::atomic<uint64_t> wakeups{0};  // written by the poller only
std::atomic<uint64_t> readied{0};

// `blocking`: the caller is the poller, whom a break is meant for. Others leave it pending (it is
// level-triggered), else the poller would sleep on.
void accept(const epoll_event* events, int n, bool blocking, GList& list) {
  uint32_t before = list.count;
  for (int i = 0; i < n; ++i) {
    if (events[i].data.u64 == break_tag) {
      if (!blocking) continue;
      // First emptied, then announced as empty. The wrong order would swallow the write of a waker
      // that comes between the two and leave `breaking` set for ever.
      uint64_t value;
      [[maybe_unused]] ssize_t ignored = ::read(break_fd, &value, sizeof value);
      breaking.store(false, std::memory_order_seq_cst);
      continue;
    }
    uint32_t flags = events[i].events;
    bool failed = (flags & (EPOLLERR | EPOLLHUP)) != 0;
    bool read = failed || (flags & (EPOLLIN | EPOLLRDHUP)) != 0;
    bool write = failed || (flags & EPOLLOUT) != 0;
    bool hung_up = failed || (flags & EPOLLRDHUP) != 0;
    poll_record_ready(events[i].data.u64, read, write, hung_up, list);
  }
  if (list.count != before) readied.fetch_add(list.count - before, std::memory_order_relaxed);
}

int wait(epoll_event* events, uint64_t until) {
#ifdef SYS_epoll_pwait2
  static std::atomic<bool> has_pwait2{true};
  timespec timeout;
  timespec* limit = nullptr;
  uint64_t now = now_ns();
  uint64_t left = until > now ? until - now : 0;
  if (until != TimerWheel::never) {
    timeout.tv_sec = static_cast<time_t>(left / 1'000'000'000);
    timeout.tv_nsec = static_cast<long>(left % 1'000'000'000);
    limit = &timeout;
  }
  if (has_pwait2.load(std::memory_order_relaxed)) {
    long n = ::syscall(SYS_epoll_pwait2, epoll_fd, events, events_max, limit, nullptr, 0);
    if (n >= 0 || errno != ENOSYS) return static_cast<int>(n);
    has_pwait2.store(false, std::memory_order_relaxed);
  }
#else
  uint64_t now = now_ns();
  uint64_t left = until > now ? until - now : 0;
#endif
  int milliseconds = -1;
  if (until != TimerWheel::never)
    milliseconds =
        left >= 1'000'000'000'000 ? 1'000'000 : static_cast<int>((left + 999'999) / 1'000'000);
  return ::epoll_wait(epoll_fd, events, events_max, milliseconds);
}

}  // namespace

Result<void> netpoll_init() {
  wakeups.store(0, std::memory_order_relaxed);
  readied.store(0, std::memory_order_relaxed);
  if (epoll_fd >= 0) {
    if (owner == ::getpid()) return {};
    // A fork's child shares both with its parent: each would take the other's events and breaks.
    ::close(epoll_fd);
    ::close(break_fd);
    breaking.store(false, std::memory_order_seq_cst);
  }
  owner = ::getpid();
  epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return errno_error(errno, "epoll_create1");
  break_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (break_fd < 0) return errno_error(errno, "eventfd");
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = break_tag;
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, break_fd, &event) != 0)
    return errno_error(errno, "epoll_ctl");
  return {};
}

Result<void> netpoll_add(int fd, PollRecord* record) {
  if (fd >= first_simulated_fd) [[unlikely]] {
    DescriptorSource* source = descriptor_source();
    if (source == nullptr) return errno_error(EBADF, "descriptor");
    return source->watch(fd, poll_record_tag(record));
  }
  if (Simulation* current = simulation(); current != nullptr) [[unlikely]]
    current->refuse("a descriptor of the system is waited for");
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = poll_record_tag(record);
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) return errno_error(errno, "epoll_ctl");
  registered.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void netpoll_remove(int fd) {
  if (fd >= first_simulated_fd) [[unlikely]] {
    if (DescriptorSource* source = descriptor_source(); source != nullptr) source->unwatch(fd);
    return;
  }
  epoll_event event = {};
  ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, &event);
  registered.fetch_sub(1, std::memory_order_relaxed);
}

void netpoll(GList& list) {
  if (netpoll_count() == 0) return;
  epoll_event events[events_max];
  accept(events, ::epoll_wait(epoll_fd, events, events_max, 0), false, list);
}

void netpoll_block(uint64_t until, GList& list) {
  epoll_event events[events_max];
  int n = wait(events, until);
  bump(wakeups);
  accept(events, n, true, list);
}

// One write per sleep: who finds `breaking` set knows that the poller is on its way.
void netpoll_break() {
  if (breaking.exchange(true, std::memory_order_seq_cst)) return;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = ::write(break_fd, &one, sizeof one);
}

NetpollCounts netpoll_counts() {
  return {wakeups.load(std::memory_order_relaxed), readied.load(std::memory_order_relaxed)};
}

uint32_t netpoll_count() { return registered.load(std::memory_order_relaxed); }

}  // namespace sluice::runtime
