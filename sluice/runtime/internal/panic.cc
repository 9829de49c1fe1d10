// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/panic.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/stack_pool.h"

namespace sluice::runtime {

namespace {

std::atomic<void (*)()> show_all{nullptr};

void show_all_stacks() {
  if (void (*show)() = show_all.load()) show();
}

std::terminate_handler previous_terminate = nullptr;
struct sigaction previous_segv, previous_bus;

void print(const char* text, size_t length) {
  while (length != 0) {
    ssize_t n = ::write(STDERR_FILENO, text, length);
    if (n <= 0) return;
    text += n;
    length -= static_cast<size_t>(n);
  }
}

void print_header(G* g) {
  char line[160];
  int n = std::snprintf(line, sizeof line, "goroutine %llu [running%s%s]:\n",
                        static_cast<unsigned long long>(g->id), *g->label() != 0 ? ", " : "",
                        g->label());
  print(line, static_cast<size_t>(n));
}

// Code addresses from the frame pointer up, as long as they stay inside [low, high).
int walk(uint64_t pc, uint64_t frame, uint64_t low, uint64_t high, void** out, int max) {
  int n = 0;
  out[n++] = reinterpret_cast<void*>(pc);
  while (n < max && frame >= low && frame + 16 <= high && frame % 8 == 0) {
    auto* words = reinterpret_cast<const uint64_t*>(frame);
    if (words[1] == 0) break;
    out[n++] = reinterpret_cast<void*>(words[1] - 1);
    if (words[0] <= frame) break;
    frame = words[0];
  }
  return n;
}

// Of the stack in that slot, which `context` was on.
void print_interrupted_stack(G* g, const ucontext_t* context, uint32_t slot) {
  print_header(g);
#if defined(__x86_64__)
  uint64_t pc = static_cast<uint64_t>(context->uc_mcontext.gregs[REG_RIP]);
  uint64_t frame = static_cast<uint64_t>(context->uc_mcontext.gregs[REG_RBP]);
#else
  uint64_t pc = context->uc_mcontext.pc;
  uint64_t frame = context->uc_mcontext.regs[29];
#endif
  uint64_t low = reinterpret_cast<uint64_t>(stack_pool->bottom(slot));
  void* frames[64];
  int count = walk(pc, frame, low, low + stack_pool->usable_bytes(), frames, 64);
  ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
}

void print_fault(G* g, int signal, const siginfo_t* info, const ucontext_t* context) {
  char line[256];
  int n = std::snprintf(
      line, sizeof line, "sluice: fatal: %s at address %p: goroutine %llu%s%s\n\n",
      signal == SIGSEGV ? "SIGSEGV" : "SIGBUS", info->si_addr,
      static_cast<unsigned long long>(g->id), *g->label() != 0 ? " " : "", g->label());
  print(line, static_cast<size_t>(n));
  print_interrupted_stack(g, context, g->stack.slot);
}

void print_overflow(G* g, const ucontext_t* context, uint32_t slot) {
  char line[256];
  int n =
      std::snprintf(line, sizeof line,
                    "sluice: fatal: stack overflow: goroutine %llu%s%s exceeds its %zu-byte stack "
                    "(RuntimeOptions::stack_bytes)\n\n",
                    static_cast<unsigned long long>(g->id), *g->label() != 0 ? " " : "", g->label(),
                    stack_pool->usable_bytes());
  print(line, static_cast<size_t>(n));
  print_interrupted_stack(g, context, slot);
}

bool is_default(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  M* m = current_m();
  bool in_guard = false;
  bool sent = info->si_code <= 0;  // by kill() or raise(): there is no address
  const struct sigaction& previous = signal == SIGSEGV ? previous_segv : previous_bus;
  if (!sent && m != nullptr && m->g != nullptr && stack_pool != nullptr) {
    const auto* registers = static_cast<const ucontext_t*>(context);
    int64_t slot = stack_pool->slot_of(info->si_addr, &in_guard);
    if (slot >= 0 && in_guard) {
      m->died_at = context;
      print_overflow(m->g, registers, static_cast<uint32_t>(slot));
      show_all_stacks();
      ::signal(SIGABRT, SIG_DFL);
      std::abort();
    }
    if (is_default(previous)) {
      ::sigaction(signal, &previous, nullptr);  // first, lest a fault in here comes here again
      m->died_at = context;
      print_fault(m->g, signal, info, registers);
      show_all_stacks();
    }
  }
  // Not ours: hand it on. Returning with the old handler set repeats the access under it.
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
    return;
  }
  ::sigaction(signal, &previous, nullptr);
  if (sent) ::raise(signal);
}

[[noreturn]] void on_terminate() {
  M* m = current_m();
  if (m == nullptr || m->g == nullptr) {
    if (previous_terminate != nullptr) previous_terminate();
    std::abort();
  }
  const char* what = "terminate called without an exception";
  const char* type = "";
  std::exception_ptr failure = std::current_exception();
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      what = exception.what();
      type = typeid(exception).name();
    } catch (...) {
      what = "an exception that is no std::exception";
    }
  }
  char line[512];
  int n = std::snprintf(line, sizeof line, "panic: %s%s%s%s\n\n", what, *type != 0 ? " (" : "",
                        type, *type != 0 ? ")" : "");
  print(line, std::min(static_cast<size_t>(n), sizeof line - 1));
  print_goroutine_stack(m->g);
  show_all_stacks();
  std::abort();
}

}  // namespace

void show_stacks_on_crash_with(void (*show)()) { show_all.store(show); }

void print_goroutine_stack(G* g) {
  print_header(g);
  void* frames[64];
  int count = ::backtrace(frames, 64);
  ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
  char line[160];
  int n = std::snprintf(line, sizeof line, "created by goroutine %llu at %p\n",
                        static_cast<unsigned long long>(g->created_by_id), g->created_by);
  print(line, static_cast<size_t>(n));
}

void run_with_handler(G* g, void (*handler)(std::exception_ptr)) {
  try {
    g->type->run(closure_of(g));
  } catch (...) {
    handler(std::current_exception());
  }
}

void install_fault_handlers() {
  static const bool once = [] {
    previous_terminate = std::set_terminate(on_terminate);
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_segv);
    ::sigaction(SIGBUS, &action, &previous_bus);
    void* warm_up[2];
    ::backtrace(warm_up, 2);  // loads the unwinder now, not inside a handler
    return true;
  }();
  static_cast<void>(once);
}

SignalStack::SignalStack()
    : memory_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (memory_ == MAP_FAILED) return;
  stack_t stack = {};
  stack.ss_sp = memory_;
  stack.ss_size = bytes;
  ::sigaltstack(&stack, &previous_);
}

SignalStack::~SignalStack() {
  if (memory_ == MAP_FAILED) return;
  ::sigaltstack(&previous_, nullptr);
  ::munmap(memory_, bytes);
}

}  // namespace sluice::runtime
