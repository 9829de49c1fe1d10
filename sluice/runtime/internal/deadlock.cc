// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/deadlock.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <vector>

#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/blocked_thread.h"
#include "sluice/runtime/internal/listeners.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/timer_wheel.h"

namespace sluice::runtime {

namespace {

std::mutex& quiet_mutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}
std::vector<int>& quiet_threads() {
  static std::vector<int>* threads = new std::vector<int>;
  return *threads;
}

// Takes the thread off the list again: its number may come to be another's.
struct QuietThread {
  QuietThread() {
    std::lock_guard lock(quiet_mutex());
    quiet_threads().push_back(tid);
  }
  ~QuietThread() {
    std::lock_guard lock(quiet_mutex());
    std::erase(quiet_threads(), tid);
  }
  const int tid = static_cast<int>(::syscall(SYS_gettid));
};

// What the goroutines and stand-ins look like.
struct Look {
  bool hopeless = true;       // nobody runs, can run, sleeps or waits for a descriptor
  bool anyone = false;        // there is a goroutine
  std::vector<int> in_futex;  // threads that are no goroutines and wait in the runtime
};

// A wait for a descriptor or for time.
bool ends_from_outside(WaitReason reason) {
  return reason == WaitReason::io_wait || reason == WaitReason::sleep;
}

SLUICE_RACY_READS void look_at_record(G* g, void* context) {
  Look& look = *static_cast<Look*>(context);
  GState state = g->state.load(std::memory_order_acquire);
  if (!look.hopeless || state == GState::free) return;
  if (racy(g->foreign)) {
    // One that does not wait is of a thread that runs: it will not be among the known.
    bool parked = state == GState::waiting && g->permit.load(std::memory_order_acquire) == 1;
    if (parked && ends_from_outside(g->wait_reason.load(std::memory_order_relaxed)))
      look.hopeless = false;
    else if (parked)
      look.in_futex.push_back(static_cast<int>(racy(g->created_by_id)));
    return;
  }
  if (racy(g->runtime) != sched.number.load(std::memory_order_relaxed)) return;
  WaitReason reason = g->wait_reason.load(std::memory_order_relaxed);
  look.anyone = true;
  look.hopeless = state == GState::waiting && g->on_cpu.load(std::memory_order_acquire) == 0 &&
                  !ends_from_outside(reason);
}

bool work_or_timers() {
  if (sched.global_count.load(std::memory_order_seq_cst) != 0) return true;
  if (earliest_timer() != TimerWheel::never) return true;
  for (int i = 0; i < sched.p_count; ++i)
    if (sched.ps[i]->has_work() || sched.ps[i]->m.load(std::memory_order_acquire) != nullptr)
      return true;
  return false;
}

std::vector<int> threads_of_process() {
  std::vector<int> threads;
  DIR* folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return threads;
  while (const dirent* entry = ::readdir(folder))
    if (int tid = std::atoi(entry->d_name); tid != 0) threads.push_back(tid);
  ::closedir(folder);
  std::sort(threads.begin(), threads.end());
  return threads;
}

// Threads that wake nobody now: idle ones of the scheduler, those that wait, and the quiet ones.
std::vector<int> known_threads(const Look& look) {
  std::vector<int> known = look.in_futex;
  known.push_back(static_cast<int>(::syscall(SYS_gettid)));
  for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
    if (m->alive.load(std::memory_order_acquire) && !m->in_goroutine.load())
      known.push_back(m->tid.load(std::memory_order_relaxed));
  std::lock_guard lock(quiet_mutex());
  known.insert(known.end(), quiet_threads().begin(), quiet_threads().end());
  std::sort(known.begin(), known.end());
  return known;
}

// Where all threads but the calling one are; empty: one does not sleep, or the kernel does not say.
std::vector<ThreadPlace> places_of(const std::vector<int>& threads) {
  int self = static_cast<int>(::syscall(SYS_gettid));
  std::vector<ThreadPlace> places;
  for (int tid : threads) {
    ThreadPlace place = tid == self ? ThreadPlace{} : place_of(tid);
    if (tid != self && (place.state != ThreadState::blocked || place.runs == 0)) return {};
    places.push_back(place);
  }
  return places;
}

void print(std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

// Without names of functions: whoever links `debug` has them (print_stacks_with).
void print_plain_stacks() {
  GoroutineDump dump = capture_goroutines();
  for (const Goroutine& goroutine : dump.goroutines) {
    char line[160];
    std::string_view reason = name(goroutine.wait_reason);
    std::snprintf(line, sizeof line, "goroutine %llu [%.*s]:\n",
                  static_cast<unsigned long long>(goroutine.id), static_cast<int>(reason.size()),
                  reason.data());
    print(line);
    for (uintptr_t address : dump.frames(goroutine)) {
      std::snprintf(line, sizeof line, "\t%#llx\n", static_cast<unsigned long long>(address));
      print(line);
    }
    std::snprintf(line, sizeof line, "created by %#llx in goroutine %llu\n\n",
                  static_cast<unsigned long long>(goroutine.created_by),
                  static_cast<unsigned long long>(goroutine.created_by_id));
    print(line);
  }
}

std::atomic<void (*)()> stack_printer{print_plain_stacks};

}  // namespace

void print_stacks_with(void (*print_all)()) { stack_printer.store(print_all); }

void wakes_nobody() {
  thread_local QuietThread quiet;
  static_cast<void>(quiet);
}

Asleep all_asleep_for_ever() {
  if (num_goroutines() == 0 || work_or_timers() || has_listeners()) return Asleep::no;
  Look first;
  visit_records(look_at_record, &first);
  if (!first.hopeless || !first.anyone) return Asleep::no;

  std::vector<int> threads = threads_of_process();
  std::vector<ThreadPlace> before = places_of(threads);
  // From here to places_of() below nobody ran, or that finds out.
  if (work_or_timers()) return Asleep::no;
  Look look;
  visit_records(look_at_record, &look);
  std::vector<int> known = known_threads(look);
  bool all_known = std::includes(known.begin(), known.end(), threads.begin(), threads.end());
  if (threads.empty() || !look.hopeless || !look.anyone || !all_known) return Asleep::no;
  bool still = !before.empty() && threads_of_process() == threads && places_of(threads) == before;
  return still ? Asleep::for_ever : Asleep::perhaps;
}

void die_of_deadlock() {
  print("fatal error: all goroutines are asleep - deadlock!\n\n");
  stack_printer.load()();
  std::abort();
}

}  // namespace sluice::runtime
