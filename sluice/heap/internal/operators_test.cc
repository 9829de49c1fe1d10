// SPDX-License-Identifier: Apache-2.0

// Every form of new and delete, with every allocation sampled and seen.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"
#include "sluice/heap/internal/hook.h"
#include "sluice/heap/internal/sanitized.h"
#include "sluice/heap/profile.h"

namespace sluice::heap {
namespace {

// While it lives, every allocation of this thread is sampled.
class EverySample {
 public:
  EverySample() { set_sample_rate(1); }
  ~EverySample() { set_sample_rate(sanitized ? 0 : sample_rate_default); }
  EverySample(const EverySample&) = delete;
  EverySample& operator=(const EverySample&) = delete;
};

int64_t bytes_in_use() {
  int64_t sum = 0;
  for (const StackAllocations& stack : capture_heap_profile().stacks) sum += stack.inuse_bytes;
  return sum;
}

struct Form {
  const char* name;
  void* (*allocate)(size_t);
  void (*free)(void*, size_t);
  size_t align;
};

constexpr std::align_val_t big_align{16384};
const Form forms[] = {
    {"new", [](size_t n) { return ::operator new(n); },
     [](void* p, size_t) { ::operator delete(p); }, 16},
    {"sized", [](size_t n) { return ::operator new(n); },
     [](void* p, size_t n) { ::operator delete(p, n); }, 16},
    {"array", [](size_t n) { return ::operator new[](n); },
     [](void* p, size_t) { ::operator delete[](p); }, 16},
    {"sized array", [](size_t n) { return ::operator new[](n); },
     [](void* p, size_t n) { ::operator delete[](p, n); }, 16},
    {"nothrow", [](size_t n) { return ::operator new(n, std::nothrow); },
     [](void* p, size_t) { ::operator delete(p, std::nothrow); }, 16},
    {"nothrow array", [](size_t n) { return ::operator new[](n, std::nothrow); },
     [](void* p, size_t) { ::operator delete[](p, std::nothrow); }, 16},
    {"aligned", [](size_t n) { return ::operator new(n, std::align_val_t{64}); },
     [](void* p, size_t) { ::operator delete(p, std::align_val_t{64}); }, 64},
    {"aligned sized", [](size_t n) { return ::operator new(n, big_align); },
     [](void* p, size_t n) { ::operator delete(p, n, big_align); }, 16384},
    {"aligned array", [](size_t n) { return ::operator new[](n, big_align); },
     [](void* p, size_t) { ::operator delete[](p, big_align); }, 16384},
    {"aligned sized array", [](size_t n) { return ::operator new[](n, std::align_val_t{1}); },
     [](void* p, size_t n) { ::operator delete[](p, n, std::align_val_t{1}); }, 1},
    {"aligned nothrow", [](size_t n) { return ::operator new(n, big_align, std::nothrow); },
     [](void* p, size_t) { ::operator delete(p, big_align, std::nothrow); }, 16384},
    {"aligned nothrow array", [](size_t n) { return ::operator new[](n, big_align, std::nothrow); },
     [](void* p, size_t) { ::operator delete[](p, big_align, std::nothrow); }, 16384},
};

TEST(Operators, EveryFormGivesAlignedMemoryOfItsSizeAndIsCounted) {
  EverySample every;
  for (const Form& form : forms)
    for (size_t size : {size_t{1}, size_t{24}, size_t{100}, size_t{5000}, size_t{1} << 20}) {
      AllocScope scope{AllocScope::Of::caller};
      int64_t before = bytes_in_use();
      uint64_t counted = scope.objects();
      void* memory = form.allocate(size);
      EXPECT_EQ(scope.objects() - counted, 1u) << form.name;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % form.align, 0u) << form.name;
      std::memset(memory, 0xab, size);
      EXPECT_EQ(bytes_in_use() - before, static_cast<int64_t>(size)) << form.name;
      form.free(memory, size);
      EXPECT_EQ(bytes_in_use(), before) << form.name;
    }
}

TEST(Operators, NothingMayBeAllocatedAndFreed) {
  EverySample every;
  for (const Form& form : forms) {
    void* memory = form.allocate(0);
    EXPECT_NE(memory, nullptr) << form.name;
    form.free(memory, 0);
    form.free(nullptr, 0);
  }
}

TEST(Operators, MemoryThatIsNotThereIsBadAlloc) {
  if (sanitized) return;  // they end the program instead
  volatile size_t too_much = SIZE_MAX - 100;
  for (bool every : {false, true}) {
    set_sample_rate(every ? 1 : sample_rate_default);
    EXPECT_THROW((void)::operator new(too_much), std::bad_alloc);
    EXPECT_THROW((void)::operator new(size_t{1} << 60), std::bad_alloc);
    EXPECT_THROW((void)::operator new[](too_much, big_align), std::bad_alloc);
    EXPECT_EQ(::operator new(too_much, std::nothrow), nullptr);
    EXPECT_EQ(::operator new(too_much, big_align, std::nothrow), nullptr);
  }
  set_sample_rate(1);
  int64_t before = bytes_in_use();
  auto memory = std::make_unique<char[]>(1000);
  EXPECT_EQ(bytes_in_use() - before, 1000);
  set_sample_rate(sample_rate_default);
}

TEST(Operators, TheNewHandlerIsAsked) {
  if (sanitized) return;
  static int calls;
  calls = 0;
  std::set_new_handler([] {
    if (++calls == 3) std::set_new_handler(nullptr);
  });
  EXPECT_EQ(::operator new(size_t{1} << 60, std::nothrow), nullptr);
  EXPECT_EQ(calls, 3);
}

// A C library that frees what it was given does not call delete.
TEST(Operators, ASampleMayBeGivenToFree) {
  if (sanitized) return;  // they call it a mismatch
  EverySample every;
  void (*volatile give_back)(void*) = std::free;
  for (int i = 0; i < 100; ++i) give_back(::operator new(100));
  ::operator delete(::operator new(100));  // the same block: no stale sample for the tests to come
}

// When its address comes back it is known to be gone.
TEST(Operators, AnAddressHoldsOneSample) {
  EverySample every;
  int64_t before = bytes_in_use();
  alignas(sample_align) static char memory[100];
  for (size_t size : {40, 100}) {
    ASSERT_FALSE(passes(size));
    note_allocation(memory, size);
    EXPECT_EQ(bytes_in_use() - before, static_cast<int64_t>(size));
  }
  note_free(memory);
  EXPECT_EQ(bytes_in_use(), before);
}

// The hook without malloc: that of GCC 12's AddressSanitizer does not survive a fork beside threads
// that allocate.
void take_and_give(void* own) {
  if (!sanitized) {
    delete new std::vector<int>(10);
  } else if (!passes(40)) {
    note_allocation(own, 40);
    note_free(own);
  }
}

// What other threads held at the fork must not stop the child.
TEST(Operators, WorkInTheChildOfAFork) {
  EverySample every;
  std::atomic<bool> stop{false};
  alignas(sample_align) static char memory[3][sample_align];
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&, i] {
      set_sample_rate(1);
      while (!stop.load(std::memory_order_relaxed)) take_and_give(memory[i]);
    });
  for (int i = 0; i < 20; ++i) {
    pid_t child = ::fork();
    if (child == 0) {
      for (int n = 0; n < 100; ++n) take_and_give(memory[2]);
      ::_exit(42);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 42);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// Objects of the program's static storage: the hook must work before main and after it.
struct EarlyAndLate {
  EarlyAndLate() {
    set_sample_rate(1);
    memory = std::make_unique<std::vector<int>>(100);
    set_sample_rate(sanitized ? 0 : sample_rate_default);
  }
  ~EarlyAndLate() {
    set_sample_rate(1);
    memory = std::make_unique<std::vector<int>>(200);
  }
  std::unique_ptr<std::vector<int>> memory;
};
EarlyAndLate early_and_late;

}  // namespace
}  // namespace sluice::heap
