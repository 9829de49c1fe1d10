// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_signal.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "sluice/base/error.h"
#include "sluice/runtime/internal/cpu_timers.h"
#include "sluice/runtime/internal/interrupted.h"
#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

// The reader comes every fifth period (cpu_samples.cc), so that a CPU fills five of them: there is
// room for a reader that is late twice. At least for a few threads that get their turns at once.
constexpr size_t slots_per_cpu = 16;
constexpr size_t slots_min = 256;

enum class SlotState : uint8_t { free, writing, full };

// Slots are taken from the front, so that few of them are ever touched: each is 65 KB of address
// space, of which a shot fills what the stack needs. They are never freed: late signals come.
struct Slots {
  size_t count = 0;
  std::atomic<SlotState>* states = nullptr;
  CpuShot* shots = nullptr;

  size_t bytes() const { return count * sizeof(CpuShot); }
};
Slots slots;

std::atomic<bool> on{false};
std::atomic<uint32_t> inside{0};  // threads in the handler
std::atomic<uint64_t> attempted{0};
std::atomic<uint64_t> lost{0};
struct sigaction previous;

// The slot's number; `slots.count`: there is none.
size_t claim() {
  for (size_t i = 0; i < slots.count; ++i) {
    SlotState expected = SlotState::free;
    if (slots.states[i].load(std::memory_order_relaxed) == SlotState::free &&
        slots.states[i].compare_exchange_strong(expected, SlotState::writing,
                                                std::memory_order_acquire))
      return i;
  }
  return slots.count;
}

// The slot of the stack pool that `sp` lies in; -1: another stack.
int64_t stack_slot(uintptr_t sp) {
  const StackPool* pool = peek(stack_pool);
  bool in_guard = false;
  int64_t slot = pool == nullptr ? -1 : pool->slot_of(reinterpret_cast<void*>(sp), &in_guard);
  return in_guard ? -1 : slot;
}

// Who runs on that slot, on this thread: it may be about to leave it for the next one.
G* owner_of(const M* m, uint32_t slot) {
  for (G* g : {m->g, m->switched_from})
    if (g != nullptr && g->stack.top != nullptr && g->stack.slot == slot) return g;
  return nullptr;
}

void take_shot(const siginfo_t* info, const void* context, CpuShot* shot) {
  UnwindRegisters registers = interrupted_registers(context);
  M* m = current_m();
  int64_t slot = m == nullptr ? -1 : stack_slot(registers.sp);
  G* g = slot < 0 ? nullptr : owner_of(m, static_cast<uint32_t>(slot));
  if (g != nullptr)
    read_moving(g, &shot->sample);
  else
    shot->sample = Sample{};
  shot->weight = 1 + static_cast<uint64_t>(std::max(info->si_overrun, 0));
  if (slot >= 0)
    shot->raw.copy(registers, peek(stack_pool)->bounds(static_cast<uint32_t>(slot)));
  else
    shot->raw.copy_mapped(registers);
}

void shoot(const siginfo_t* info, const void* context) {
  attempted.fetch_add(1, std::memory_order_relaxed);
  size_t slot = claim();
  if (slot == slots.count) {
    lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  take_shot(info, context, &slots.shots[slot]);
  slots.states[slot].store(SlotState::full, std::memory_order_release);
}

void on_sigprof(int signal, siginfo_t* info, void* context) {
  int saved = errno;
  if (info->si_code == SI_TIMER && info->si_value.sival_ptr == CpuTimers::mark()) {
    // Either this sees that `on` is false, or end_shots() sees that somebody is inside.
    inside.fetch_add(1, std::memory_order_seq_cst);
    if (on.load(std::memory_order_seq_cst)) shoot(info, context);
    inside.fetch_sub(1, std::memory_order_release);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
  errno = saved;
}

void install() {
  static const bool once = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_sigprof;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGPROF, nullptr, &previous);
    ::sigaction(SIGPROF, &action, nullptr);
    return true;
  }();
  static_cast<void>(once);
}

Result<void> make_slots() {
  if (slots.shots != nullptr) return {};
  long cpus = std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L);
  slots.count = std::max(slots_min, static_cast<size_t>(cpus) * slots_per_cpu);
  void* memory = ::mmap(nullptr, slots.bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return errno_error(errno, "mmap of the CPU profile's buffer");
  slots.states = new std::atomic<SlotState>[slots.count]();
  slots.shots = static_cast<CpuShot*>(memory);  // zeroes are a CpuShot that nobody took
  return {};
}

}  // namespace

Result<void> begin_shots() {
  SLUICE_TRY(make_slots());
  install();
  attempted.store(0, std::memory_order_relaxed);
  lost.store(0, std::memory_order_relaxed);
  on.store(true, std::memory_order_seq_cst);
  return {};
}

void end_shots() {
  on.store(false, std::memory_order_seq_cst);
  while (inside.load(std::memory_order_seq_cst) != 0) ::sched_yield();
}

void visit_shots(void (*visit)(const CpuShot& shot, void* argument), void* argument) {
  for (size_t i = 0; i < slots.count; ++i) {
    if (slots.states[i].load(std::memory_order_acquire) != SlotState::full) continue;
    visit(slots.shots[i], argument);
    slots.states[i].store(SlotState::free, std::memory_order_release);
  }
}

StackBounds cpu_shots() {
  uintptr_t begin = reinterpret_cast<uintptr_t>(slots.shots);
  return {begin, begin + slots.bytes()};
}

uint64_t attempted_shots() { return attempted.load(std::memory_order_relaxed); }
uint64_t lost_shots() { return lost.load(std::memory_order_relaxed); }

}  // namespace sluice::runtime
