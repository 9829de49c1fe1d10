// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::runtime {

struct ThreadRegisters {
  uintptr_t pc = 0;
  uintptr_t sp = 0;
};
ThreadRegisters registers_of(const ucontext_t& context);

// A thread that was made to wait in a signal handler.
struct StoppedThread {
  enum State : uint32_t { idle, asked, stopping, stopped };

  int tid = 0;
  std::atomic<uint32_t> state{idle};
  // Valid while it is stopped.
  const ucontext_t* context = nullptr;  // its registers; vector registers follow on that stack
  uintptr_t handler_frame = 0;          // an address below both
};

// Keeps every other thread of the process from running, so that memory is of one moment.
//
// Each is sent SIGURG (interrupt.h says why that one) and waits in the handler. That interrupts
// system calls: those that are listed in interrupt.h as not being restarted return EINTR, as they
// do after a debugger has looked. A thread that blocks the signal cannot be stopped: stop() looks
// for such ones first, and then stops nobody.
// Between stop() and resume() others may hold any lock: the caller must not allocate, nor enter
// the runtime.
// One caller at a time. Not under ThreadSanitizer, which delivers signals late.
class StoppedWorld {
 public:
  StoppedWorld() = default;
  StoppedWorld(const StoppedWorld&) = delete;
  StoppedWorld& operator=(const StoppedWorld&) = delete;
  ~StoppedWorld() { resume(); }

  // False: one did not stop in time, or blocks the signal, and all run on.
  bool stop();
  void resume();

  std::span<const StoppedThread> threads() const;
  static constexpr const char* did_not_stop = "a thread did not stop";
  // After stop() was false: why, the thread that did not stop, and whether to try again.
  const char* failure() const { return failure_; }
  int refused() const { return refused_; }
  bool may_try_again() const { return may_try_again_; }

 private:
  bool all_can_stop(int self);
  bool ask_all(int self);
  bool wait_for_all();
  // False. The first reason stays.
  bool refuse(int tid, const char* why, bool may_try_again);

  const char* failure_ = nullptr;
  bool stopped_ = false;
  int refused_ = 0;
  bool may_try_again_ = false;
};

// For the handler of SIGURG: waits if a stop is on and wants this thread; true if it did.
bool stop_if_asked(const void* context);

}  // namespace sluice::runtime
