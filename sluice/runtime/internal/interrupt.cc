// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/interrupt.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sluice/runtime/internal/interrupted.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stop_world.h"

namespace sluice::runtime {

namespace {

// A thread that executes answers as soon as it has a CPU: within microseconds, or when the others
// that share its CPU have had their time slices.
constexpr uint64_t patience_ns = 50'000'000;

struct sigaction previous;

// Fields of the goroutine that runs on this thread: nobody else writes them.
void describe(G* g, const void* context, Answer* answer) {
  UnwindRegisters registers = interrupted_registers(context);
  answer->g = nullptr;
  if (g == nullptr || g->stack.top == nullptr) return;
  StackBounds bounds = stack_pool->bounds(g->stack.slot);
  if (!bounds.hold(registers.sp, 1)) return;
  answer->g = g;
  read_moving(g, &answer->sample);
  answer->raw.copy(registers, bounds);
}

void on_signal(int signal, siginfo_t* info, void* context) {
  int saved = errno;
  if (stop_if_asked(context)) {
    errno = saved;
    return;
  }
  M* m = current_m();
  Answer* answer = m != nullptr ? m->answer.load(std::memory_order_acquire) : nullptr;
  uint32_t expected = Answer::asked;
  if (answer != nullptr && answer->state.compare_exchange_strong(expected, Answer::answering,
                                                                 std::memory_order_acq_rel)) {
    describe(m->g, m->died_at != nullptr ? m->died_at : context, answer);
    answer->state.store(Answer::answered, std::memory_order_release);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
  errno = saved;
}

// The record of m's answers; it stays with m, since a signal may be delivered late.
Answer* answer_record(M* m) {
  Answer* answer = m->answer.load(std::memory_order_relaxed);
  if (answer == nullptr) {
    answer = new Answer;
    m->answer.store(answer, std::memory_order_release);
  }
  return answer;
}

// Takes the question back. A thread that is at its answer just now is waited for: the handler is
// short.
void take_back(Answer* answer) {
  uint32_t expected = Answer::asked;
  if (answer->state.compare_exchange_strong(expected, Answer::idle, std::memory_order_acq_rel))
    return;
  while (answer->state.load(std::memory_order_acquire) == Answer::answering) ::sched_yield();
}

void pause_briefly(int round) {
  if (round < 20) {
    ::sched_yield();
    return;
  }
  timespec moment{0, 50'000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace

void install_interrupts() {
  static const bool once = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGURG, nullptr, &previous);
    ::sigaction(SIGURG, &action, nullptr);
    return true;
  }();
  static_cast<void>(once);
}

void Interrupter::ask(std::span<M* const> threads) {
  if (sanitizer::thread || threads.empty()) return;
  install_interrupts();
  for (M* m : threads) {
    Answer* answer = answer_record(m);
    answer->state.store(Answer::asked, std::memory_order_release);
    int tid = m->tid.load(std::memory_order_relaxed);
    if (tid == 0 || ::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) != 0) take_back(answer);
  }
  uint64_t deadline = now_ns() + patience_ns;
  int round = 0;
  for (M* m : threads) {
    Answer* answer = answer_record(m);
    while (answer->state.load(std::memory_order_acquire) == Answer::asked && now_ns() < deadline)
      pause_briefly(round++);
    take_back(answer);
  }
}

const Answer* Interrupter::answer_of(M* m) const {
  const Answer* answer = m->answer.load(std::memory_order_relaxed);
  if (answer == nullptr || answer->state.load(std::memory_order_acquire) != Answer::answered)
    return nullptr;
  return answer;
}

}  // namespace sluice::runtime
