// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/own_stack.h"

#include <pthread.h>

#include <optional>

#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/stack_walk.h"
#include "sluice/runtime/internal/unwind_table.h"

// Where the linker put the code that is linked with this.
extern "C" const char __executable_start[], etext[];
// Where the main thread's stack begins.
extern "C" void* __libc_stack_end;

namespace sluice::runtime {

namespace {

constexpr size_t word_bytes = sizeof(uintptr_t);

// What is surely stack above `address`, if it is near enough to the place where glibc puts a
// thread's record, or the kernel the program's arguments. A foreign coroutine's stack may be near.
[[maybe_unused]] StackBounds guess_thread_stack(uintptr_t address) {
  constexpr uintptr_t far = uintptr_t{64} << 20;
  for (uintptr_t end : {uintptr_t{::pthread_self()}, reinterpret_cast<uintptr_t>(__libc_stack_end)})
    if (address < end && end - address < far) return {address, end};
  return {};
}

constinit thread_local StackBounds thread_stack{};

// Of the stack that `address` is on; empty: not known.
StackBounds stack_around(uintptr_t address) {
  M* m = current_m();
  if (m != nullptr && m->g != nullptr) {
    StackBounds bounds = stack_pool->bounds(m->g->stack.slot);
    if (bounds.hold(address, word_bytes)) return bounds;
  }
  // The sanitizers call who asks (heap/internal/operators.cc) from within the malloc of
  // pthread_getattr_np itself, which holds that lock.
  if constexpr (sanitizer::address || sanitizer::thread) return guess_thread_stack(address);
  if (thread_stack.high == 0) thread_stack = own_thread_stack();
  return thread_stack.hold(address, word_bytes) ? thread_stack : StackBounds{};
}

// Whether that code keeps frame records: the program's does, but for the sanitizers' in it.
bool has_record(uintptr_t pc) {
  if constexpr (sanitizer::address || sanitizer::thread) return false;
  return pc >= reinterpret_cast<uintptr_t>(__executable_start) &&
         pc < reinterpret_cast<uintptr_t>(etext);
}

// A stack whose frames are left one after the other.
class Walker {
 public:
  Walker(uintptr_t frame, StackBounds bounds) : bounds_(bounds), sp_(frame), frame_(frame) {}

  uintptr_t pc() const { return pc_; }

  // From a frame that has a record to its caller. False: there is none.
  bool by_record() {
    if (frame_ < sp_ || frame_ % word_bytes != 0 || !bounds_.hold(frame_, 2 * word_bytes))
      return false;
    pc_ = word(frame_ + word_bytes);
    sp_ = frame_ + 2 * word_bytes;
    frame_ = word(frame_);
    return pc_ != 0;
  }

  // The same by the compiler's table for pc(). On aarch64, where libraries have records and where
  // the stack pointer is not known after one, there is no need and no way.
  bool by_table() {
#if defined(__x86_64__)
    std::optional<FrameRule> rule = frame_rule(pc_ - 1);
    if (!rule || !rule->return_address_at) return false;
    uintptr_t cfa = (rule->cfa_base == FrameRule::Base::stack_pointer ? sp_ : frame_) +
                    static_cast<uintptr_t>(rule->cfa_offset);
    uintptr_t pc_at = cfa + static_cast<uintptr_t>(*rule->return_address_at);
    if (cfa <= sp_ || cfa % word_bytes != 0 || !bounds_.hold(pc_at, word_bytes)) return false;
    if (rule->frame_pointer_at) {
      uintptr_t at = cfa + static_cast<uintptr_t>(*rule->frame_pointer_at);
      if (!bounds_.hold(at, word_bytes)) return false;
      frame_ = word(at);
    }
    pc_ = word(pc_at);
    sp_ = cfa;
    return pc_ != 0;
#else
    return false;
#endif
  }

 private:
  static uintptr_t word(uintptr_t at) { return peek(*reinterpret_cast<uintptr_t*>(at)); }

  const StackBounds bounds_;
  uintptr_t sp_;
  uintptr_t frame_;  // the frame pointer, or what code without uses its register for
  uintptr_t pc_ = 0;
};

}  // namespace

[[gnu::noinline]] size_t capture_own_stack(std::span<uintptr_t> out) {
  if (out.empty()) return 0;
  uintptr_t frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  Walker walker(frame, stack_around(frame));
  if (!walker.by_record()) {
    out[0] = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
    return 1;
  }
  size_t count = 0;
  while (!is_root(walker.pc()) && count < out.size()) {
    out[count++] = walker.pc();
    bool known = has_record(walker.pc()) ? walker.by_record() || walker.by_table()
                                         : walker.by_table() || walker.by_record();
    if (!known) break;
  }
  return count;
}

[[gnu::noinline]] const void* own_context() {
  M* m = current_m();
  if (m != nullptr && m->g != nullptr) return m->g;
  return &thread_stack;
}

}  // namespace sluice::runtime
