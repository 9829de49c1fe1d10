// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/watchdog.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/internal/service_thread.h"
#include "sluice/debug/internal/stack_groups.h"
#include "sluice/debug/symbols.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/overdue.h"

namespace sluice::debug {

using runtime::Goroutine;
using runtime::GoroutineDump;
using runtime::GoroutineState;
using runtime::Turn;
using runtime::WaitReason;

namespace {

void print(std::string_view text) {
  [[maybe_unused]] ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string seconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(duration).count());
  return text;
}

// Of this thread.
Duration cpu_time() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool waits_for_lock(const Goroutine& goroutine) {
  return goroutine.state == GoroutineState::waiting &&
         (goroutine.wait_reason == WaitReason::mutex ||
          goroutine.wait_reason == WaitReason::rw_mutex_read ||
          goroutine.wait_reason == WaitReason::rw_mutex_write);
}

// The library's functions between the system call and the caller's own lock() are few.
constexpr size_t lock_frames_max = 5;

bool is_in_pthread_lock(const GoroutineDump& dump, const Goroutine& goroutine) {
  if (goroutine.state != GoroutineState::syscall) return false;
  std::span<const uintptr_t> frames = dump.frames(goroutine);
  for (uintptr_t address : frames.first(std::min(frames.size(), lock_frames_max)))
    for (const SourceFrame& frame : locate(address).frames)
      for (std::string_view part : {"pthread_mutex_", "pthread_rwlock_", "lll_lock_wait"})
        if (frame.function.contains(part)) return true;
  return false;
}

// Copies one goroutine with its stack.
void add(GoroutineDump& to, const GoroutineDump& from, Goroutine goroutine) {
  std::span<const uintptr_t> frames = from.frames(goroutine);
  goroutine.frames_begin = to.addresses.size();
  to.addresses.insert(to.addresses.end(), frames.begin(), frames.end());
  to.goroutines.push_back(goroutine);
}

}  // namespace

class Watchdog::Impl {
 public:
  explicit Impl(WatchdogOptions options)
      : options_(std::move(options)),
        shorter_(std::min(options_.computing, options_.lock_wait)),
        period_(std::max<Duration>(shorter_ / 4, std::chrono::milliseconds(1))) {}

  ~Impl() {
    if (!thread_) return;
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    ::pthread_join(*thread_, nullptr);
  }

  Result<void> start() {
    thread_ = SLUICE_TRY(internal::start_service_thread(
        [](void* self) -> void* {
          static_cast<Impl*>(self)->run();
          return nullptr;
        },
        this));
    return {};
  }

 private:
  // A turn that goes on.
  struct Seen {
    Turn turn;
    Instant since;
    Duration due;  // when to have a look at what it does
  };

  void run() {
    if (!options_.report) runtime::wakes_nobody();
    std::unique_lock lock(mutex_);
    Duration rest = period_;
    while (!changed_.wait_for(lock, rest, [this] { return stop_; })) {
      lock.unlock();
      rest = std::max(period_, look(now()));
      lock.lock();
    }
  }

  // Returns how long to rest for what it cost, the text of reports aside.
  Duration look(Instant at) {
    Duration begin = cpu_time();
    bool someone_is_due = follow_turns(at);
    if (!someone_is_due && !runtime::anyone_waits_for_lock_since(at - options_.lock_wait)) {
      reported_waits_.clear();
      return (cpu_time() - begin) * 1000;
    }
    GoroutineDump dump = runtime::capture_goroutines();
    Duration cost = cpu_time() - begin;
    for (Seen& seen : seen_)
      if (at - seen.since >= seen.due) judge(dump, seen, at - seen.since);
    report_lock_waits(dump);
    return cost * 100;
  }

  bool follow_turns(Instant at) {
    std::vector<Seen> going_on;
    for (const Turn& turn : runtime::current_turns()) {
      auto before = std::ranges::find(seen_, turn, &Seen::turn);
      going_on.push_back(before != seen_.end() ? *before : Seen{turn, at, shorter_});
    }
    seen_ = std::move(going_on);
    return std::ranges::any_of(seen_, [at](auto& seen) { return at - seen.since >= seen.due; });
  }

  void judge(const GoroutineDump& dump, Seen& seen, Duration duration) {
    seen.due = duration * 2;
    auto at = std::ranges::find(dump.goroutines, seen.turn.goroutine, &Goroutine::id);
    if (at == dump.goroutines.end()) return;
    bool locked_out = is_in_pthread_lock(dump, *at);
    if (!locked_out && at->state != GoroutineState::running) return;
    Duration threshold = locked_out ? options_.lock_wait : options_.computing;
    if (duration < threshold) {
      seen.due = threshold;
      return;
    }
    report("goroutine " + std::to_string(at->id) +
               (locked_out
                    ? " has waited " + seconds_text(duration) + " for a lock, blocked in the kernel"
                    : " has computed for " + seconds_text(duration) + " without giving way"),
           dump, *at);
  }

  // Those whose waits have become long, or twice as long as when they were reported.
  void report_lock_waits(const GoroutineDump& dump) {
    GoroutineDump waiting;
    std::unordered_map<uint64_t, Duration> reported;
    for (const Goroutine& goroutine : dump.goroutines) {
      if (!waits_for_lock(goroutine) || goroutine.waiting < options_.lock_wait) continue;
      auto before = reported_waits_.find(goroutine.id);
      // A shorter wait is another one.
      bool known = before != reported_waits_.end() && goroutine.waiting >= before->second &&
                   goroutine.waiting < before->second * 2;
      reported[goroutine.id] = known ? before->second : goroutine.waiting;
      if (!known) add(waiting, dump, goroutine);
    }
    reported_waits_ = std::move(reported);
    // The first of a group is then the one that has waited longest.
    std::ranges::sort(waiting.goroutines, [](const Goroutine& a, const Goroutine& b) {
      return a.waiting != b.waiting ? a.waiting > b.waiting : a.id < b.id;
    });
    for (const internal::StackGroup& group : internal::group_stacks(waiting, true))
      report(lock_wait_text(group), waiting, *group.first);
  }

  static std::string lock_wait_text(const internal::StackGroup& group) {
    std::string longest = seconds_text(group.first->waiting);
    if (group.count == 1)
      return "goroutine " + std::to_string(group.first->id) + " has waited " + longest +
             " for a lock";
    return std::to_string(group.count) + " goroutines have waited for a lock at the same place, " +
           "the longest " + longest;
  }

  void report(const std::string& what, const GoroutineDump& dump, const Goroutine& goroutine) {
    std::string text = "watchdog: " + what + "\n\n";
    GoroutineDump one;
    add(one, dump, goroutine);
    write_stacks(one, [&text](std::string_view piece) {
      text += piece;
      return true;
    });
    text += '\n';
    options_.report ? options_.report(text) : print(text);
  }

  const WatchdogOptions options_;
  const Duration shorter_;  // of the two thresholds
  const Duration period_;

  // The thread's.
  std::vector<Seen> seen_;
  std::unordered_map<uint64_t, Duration> reported_waits_;  // by goroutine

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;  // guarded by mutex_
  std::optional<pthread_t> thread_;
};

Watchdog::Watchdog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Watchdog::Watchdog(Watchdog&&) noexcept = default;
Watchdog& Watchdog::operator=(Watchdog&&) noexcept = default;
Watchdog::~Watchdog() = default;

Result<Watchdog> Watchdog::start(WatchdogOptions options) {
  if (options.computing <= Duration::zero() || options.lock_wait <= Duration::zero())
    return Error(Code::invalid_argument, "watchdog: computing and lock_wait must be above zero");
  auto impl = std::make_unique<Impl>(std::move(options));
  SLUICE_TRY(impl->start());
  return Watchdog(std::move(impl));
}

}  // namespace sluice::debug
