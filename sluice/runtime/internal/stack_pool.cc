// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stack_pool.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/sanitizer.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102  // linux/mman.h, 6.13; newer than this Debian's headers
#endif

namespace sluice::runtime {

StackPool* stack_pool = nullptr;

namespace {

long read_number(const char* path, long otherwise) {
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return otherwise;
  long value = otherwise;
  if (std::fscanf(file, "%ld", &value) != 1) value = otherwise;
  std::fclose(file);
  return value;
}

long max_map_count() { return read_number("/proc/sys/vm/max_map_count", 65530); }

long mappings_in_use() {
  FILE* file = std::fopen("/proc/self/maps", "re");
  if (file == nullptr) return 0;
  long lines = 0;
  for (int c; (c = std::getc(file)) != EOF;) lines += c == '\n';
  std::fclose(file);
  return lines;
}

// Asked of the kernel, who does not die of reading there.
bool is_readable(const void* address) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return true;
  bool readable = ::write(ends[1], address, 1) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return readable;
}

// An emulator may accept an advice that it does not know (qemu-user does), so the guard is tried.
bool kernel_has_guard_install() {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  bool has = ::madvise(page, 4096, MADV_GUARD_INSTALL) == 0 && !is_readable(page);
  ::munmap(page, 4096);
  return has;
}

// One system call for all `ranges`. False: some may lack the advice, or the kernel does not take it
// this way. A process may give itself any advice so since Linux 6.13, and needs no descriptor to
// name itself since 6.14; a descriptor could come to mean another process, by fork().
bool advise_at_once(std::span<const iovec> ranges, int advice) {
  constexpr int pidfd_self = -10001;  // PIDFD_SELF_THREAD_GROUP of linux/pidfd.h
  static std::atomic<bool> possible{true};
  if (!possible.load(std::memory_order_relaxed)) return false;
  size_t bytes = 0;
  for (const iovec& range : ranges) bytes += range.iov_len;
  long advised =
      ::syscall(SYS_process_madvise, pidfd_self, ranges.data(), ranges.size(), advice, 0);
  if (advised < 0) possible.store(false, std::memory_order_relaxed);
  return advised >= 0 && static_cast<size_t>(advised) == bytes;
}

// 0, or the errno of madvise.
int advise(std::span<const iovec> ranges, int advice) {
  while (!ranges.empty()) {
    std::span<const iovec> some = ranges.first(std::min<size_t>(ranges.size(), IOV_MAX));
    ranges = ranges.subspan(some.size());
    if (some.size() > 1 && advise_at_once(some, advice)) continue;
    for (const iovec& range : some)
      if (::madvise(range.iov_base, range.iov_len, advice) != 0) return errno;
  }
  return 0;
}

std::atomic<bool> releases_lazily{false};

}  // namespace

Result<StackGuard> resolve(StackGuard guard) {
  if (guard == StackGuard::mprotect || guard == StackGuard::none) return guard;
  static const bool has = kernel_has_guard_install();
  if (has) return StackGuard::madvise;
  if (guard == StackGuard::automatic) return StackGuard::mprotect;
  return Error(Code::failed_precondition,
               "stack guard: this kernel has no MADV_GUARD_INSTALL (Linux 6.13 has)");
}

StackPool& StackPool::with(size_t stack_bytes, StackGuard guard) {
  static std::mutex mutex;
  static std::vector<StackPool*>* pools = new std::vector<StackPool*>;
  std::lock_guard lock(mutex);
  for (StackPool* pool : *pools)
    if (pool->stack_bytes_ == stack_bytes && pool->guard_ == guard) return *pool;
  pools->push_back(new StackPool(stack_bytes, guard));
  return *pools->back();
}

StackPool::StackPool(size_t stack_bytes, StackGuard guard)
    : stack_bytes_(stack_bytes),
      guard_(guard),
      per_slab_(static_cast<uint32_t>(slab_bytes / stack_bytes)) {
  void* table = ::mmap(nullptr, slabs_max * sizeof(char*), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SLUICE_ASSERT(table != MAP_FAILED, "stack pool: no address space for the slab table");
  slabs_ = static_cast<char**>(table);
  if (guard == StackGuard::mprotect) {
    // Half of what is left, less a margin for the program's own mappings.
    long left = max_map_count() - mappings_in_use() - 1024;
    count_max_ = static_cast<size_t>(std::max(left / 2, 16L));
  }
}

Result<void> StackPool::add_slab() {
  if (slab_count_ == slabs_max)
    return Error(Code::resource_exhausted, "goroutine stacks: all " +
                                               std::to_string(slabs_max * (slab_bytes >> 20)) +
                                               " MiB of their address space are in use");
  size_t bytes = slab_bytes + per_slab_ * sizeof(SlotList::Link);
  void* slab = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (slab == MAP_FAILED)
    return wrap(errno_error(errno, "mmap"),
                "goroutine stacks: cannot reserve another " + std::to_string(slab_bytes >> 20) +
                    " MiB of address space after " + std::to_string(carved_) +
                    " stacks (see ulimit -v, vm.overcommit_memory)");
  ::madvise(slab, bytes, MADV_NOHUGEPAGE);
  slabs_[slab_count_] = static_cast<char*>(slab);
  ++slab_count_;
  return {};
}

Result<void> StackPool::install_guards(uint32_t count) {
  Result<void> installed;
  if (guard_ == StackGuard::madvise) {
    iovec guards[guard_batch];
    for (uint32_t i = 0; i < count; ++i) guards[i] = {slot_begin(carved_ + i), guard_bytes};
    if (int error = advise({guards, count}, MADV_GUARD_INSTALL); error != 0)
      installed = errno_error(error, "madvise");
  } else if (guard_ == StackGuard::mprotect) {
    SLUICE_ASSERT(count == 1, "one by one");
    if (::mprotect(slot_begin(carved_), guard_bytes, PROT_NONE) != 0)
      installed = errno_error(errno, "mprotect");
  }
  if (installed.has_value()) return {};
  return wrap(installed.error(), "goroutine stacks: no guard for stack " + std::to_string(carved_) +
                                     "; vm.max_map_count is " + std::to_string(max_map_count()));
}

Stack StackPool::make(uint32_t slot) const {
  // 17 colours of 64 bytes: prime, so that neighbouring slots of any stride differ.
  size_t colour = (slot % 17) * 64;
  return {slot_begin(slot) + stack_bytes_ - colour, slot};
}

Result<void> StackPool::carve(uint32_t count) {
  std::lock_guard lock(lock_);
  if (carved_ + uint64_t{count} > count_max_)
    return Error(Code::resource_exhausted,
                 "goroutine stacks: the limit of " + std::to_string(count_max_) +
                     " guarded by mprotect is reached (two mappings each; vm.max_map_count is " +
                     std::to_string(max_map_count()) +
                     "): raise it, or use Linux 6.13 or newer, which guards without mappings");
  // Guards made by mprotect can run out in between: one by one, so that none goes unused.
  uint32_t most = guard_ == StackGuard::mprotect ? 1 : guard_batch;
  while (count != 0) {
    if (carved_ == slab_count_ * per_slab_) SLUICE_TRY(add_slab());
    uint32_t n = std::min({count, most, slab_count_ * per_slab_ - carved_});
    SLUICE_TRY(install_guards(n));
    for (count -= n; n != 0; --n) {
      // Not the slab as a whole: the leak checker would step on the guards.
      sanitizer::root_region(bottom(carved_), usable_bytes());
      warm_.push(links(), carved_);
      carved_.store(carved_ + 1, std::memory_order_release);  // pairs with carved()
    }
  }
  return {};
}

SlotList::Link& StackPool::link(uint32_t slot) const {
  char* table = slabs_[slot / per_slab_] + slab_bytes;
  return reinterpret_cast<SlotList::Link*>(table)[slot % per_slab_];
}

uint32_t StackPool::take(Stack* out, uint32_t count) {
  std::lock_guard lock(lock_);
  uint32_t n = 0;
  for (SlotList* from : {&warm_, &lazy_, &cold_})
    for (; n < count && from->count != 0; ++n) out[n] = make(from->pop_newest(links()));
  warm_least_ = std::min(warm_least_, warm_.count);
  return n;
}

// Neighbours make one range: stacks are carved, taken and given in runs. The guards between them
// have no pages to lose, and MADV_DONTNEED and MADV_FREE keep guard markers.
void StackPool::release_pages(uint32_t* slots, uint32_t count, bool lazily) const {
  std::sort(slots, slots + count);
  iovec ranges[in_hand_max];
  size_t n = 0;
  for (uint32_t first = 0; first < count;) {
    uint32_t last = first;
    while (last + 1 < count && slots[last + 1] == slots[last] + 1 &&
           slots[last + 1] % per_slab_ != 0)
      ++last;
    char* begin = const_cast<char*>(bottom(slots[first]));
    char* end = slot_begin(slots[last]) + stack_bytes_;
    ranges[n++] = {begin, static_cast<size_t>(end - begin)};
    first = last + 1;
  }
  // A failure leaves the pages where they are.
  static_cast<void>(advise({ranges, n}, lazily ? MADV_FREE : MADV_DONTNEED));
}

void StackPool::give_warm(const Stack* stacks, uint32_t count) {
  std::lock_guard lock(lock_);
  for (uint32_t i = 0; i < count; ++i) warm_.push(links(), stacks[i].slot);
}

void StackPool::give(const Stack* stacks, uint32_t count) {
  {
    std::lock_guard lock(lock_);
    if (warm_.count < warm_max) {
      for (uint32_t i = 0; i < count; ++i) warm_.push(links(), stacks[i].slot);
      return;
    }
  }
  bool lazily = releases_lazily.load(std::memory_order_relaxed);
  while (count != 0) {
    uint32_t slots[in_hand_max];
    uint32_t n = std::min(count, in_hand_max);
    for (uint32_t i = 0; i < n; ++i) slots[i] = stacks[i].slot;
    release_pages(slots, n, lazily);
    std::lock_guard lock(lock_);
    for (uint32_t i = 0; i < n; ++i) (lazily ? lazy_ : cold_).push(links(), stacks[i].slot);
    stacks += n;
    count -= n;
  }
}

uint32_t StackPool::take_oldest(SlotList& from, uint32_t most, uint32_t* slots) {
  std::lock_guard lock(lock_);
  uint32_t n = 0;
  for (; n < most && from.count != 0; ++n) slots[n] = from.pop_oldest(links());
  warm_least_ = std::min(warm_least_, warm_.count);
  return n;
}

uint32_t StackPool::make_cold(SlotList& from, uint32_t most, bool lazily) {
  uint32_t released = 0;
  while (released < most) {
    uint32_t slots[in_hand_max];
    uint32_t n = take_oldest(from, std::min(most - released, in_hand_max), slots);
    if (n == 0) break;
    release_pages(slots, n, lazily);
    std::lock_guard lock(lock_);
    for (uint32_t i = 0; i < n; ++i) (lazily ? lazy_ : cold_).push(links(), slots[i]);
    released += n;
  }
  return released;
}

uint32_t StackPool::trim(uint32_t percent) {
  uint32_t excess;
  {
    std::lock_guard lock(lock_);
    uint64_t in_use = carved_ - warm_.count - lazy_.count - cold_.count;
    uint64_t kept = std::max<uint64_t>(in_use * percent / 100, warm_min);
    uint64_t above = warm_.count > kept ? warm_.count - kept : 0;
    excess = static_cast<uint32_t>(std::min<uint64_t>(above, warm_least_));
  }
  uint32_t released = make_cold(warm_, excess, releases_lazily.load(std::memory_order_relaxed));
  std::lock_guard lock(lock_);
  warm_least_ = warm_.count;
  return released;
}

uint32_t StackPool::drain() {
  Counts before = counts();
  uint32_t released = make_cold(warm_, before.warm, false);
  return released + make_cold(lazy_, before.lazy, false);
}

void StackPool::release_lazily(bool lazily) {
  releases_lazily.store(lazily, std::memory_order_relaxed);
}

StackPool::Counts StackPool::counts() {
  std::lock_guard lock(lock_);
  return {carved_, warm_.count, lazy_.count, cold_.count};
}

StackBounds StackPool::bounds(uint32_t slot) const {
  if (slot >= carved()) return {};
  uintptr_t low = reinterpret_cast<uintptr_t>(bottom(slot));
  return {low, low + usable_bytes()};
}

int64_t StackPool::slot_of(const void* address, bool* in_guard) const {
  const char* at = static_cast<const char*>(address);
  uint32_t slabs = (carved() + per_slab_ - 1) / per_slab_;
  for (uint32_t i = 0; i < slabs; ++i) {
    if (at < slabs_[i] || at >= slabs_[i] + slab_bytes) continue;
    size_t offset = static_cast<size_t>(at - slabs_[i]);
    *in_guard = offset % stack_bytes_ < guard_bytes;
    return static_cast<int64_t>(i * per_slab_ + offset / stack_bytes_);
  }
  return -1;
}

}  // namespace sluice::runtime
