// SPDX-License-Identifier: Apache-2.0

// The functions that code calls which is compiled with -fsanitize=thread; their names and what they
// take are GCC's and clang's (compiler-rt/lib/tsan/rtl/tsan_interface.h, tsan_interface_atomic.h).

#include "sluice/simulation/instrumented.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sluice/runtime/simulation.h"

namespace sluice::simulation {

namespace {

using runtime::Simulation;

bool weak_exchanges_may_fail = false;

// What the running goroutine has looked at since anything changed. One that looks at the same again
// and again, from the same places in the code, waits for somebody else.
class Looks {
 public:
  void clear() { count_ = repeated_ = 0; }
  // Whether it seems to wait.
  bool add(const volatile void* word, const void* code, uint64_t switches) {
    if (switches != switches_) clear();
    switches_ = switches;
    for (uint32_t i = 0; i < count_; ++i)
      if (looks_[i].word == word && looks_[i].code == code) return ++repeated_ >= repeated_max;
    if (count_ == looks_max) clear();
    looks_[count_++] = {word, code};
    return false;
  }

 private:
  // What a loop that waits looks at, at most, and so often until the others go on: few, as each is
  // a place to depart at.
  static constexpr uint32_t looks_max = 16;
  static constexpr uint32_t repeated_max = 8;
  struct Look {
    const volatile void* word = nullptr;
    const void* code = nullptr;
  };
  Look looks_[looks_max]{};
  uint32_t count_ = 0;
  uint32_t repeated_ = 0;
  uint64_t switches_ = 0;
};
constinit Looks looks;

// Before an atomic operation. Null: it is no point.
inline Simulation* arrive(const volatile void* word, const void* code) {
  Simulation* simulation = runtime::simulation();
  if (simulation == nullptr || !simulation->is_point(word)) return nullptr;
  simulation->interleave();
  if (!looks.add(word, code, simulation->switches())) return simulation;
  looks.clear();
  simulation->wait_for_others();
  return simulation;
}

// After one, which may have changed the word.
inline void leave(bool changed) {
  if (changed) looks.clear();
}

// There is no instruction for most operations on 16 bytes. All of them come here.
std::atomic_flag wide_lock = ATOMIC_FLAG_INIT;

// The operation itself: `next(seen)` is what is to be there instead of `seen`, which is returned.
template <class T, class Next>
inline T modify(volatile T* word, Next next) {
  T seen;
  T now;
  if constexpr (sizeof(T) == 16) {
    while (wide_lock.test_and_set(std::memory_order_acquire)) {
    }
    seen = *word;
    now = next(seen);
    *word = now;
    wide_lock.clear(std::memory_order_release);
  } else {
    seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    do {
      now = next(seen);
    } while (
        !__atomic_compare_exchange_n(word, &seen, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  }
  leave(now != seen);
  return seen;
}

template <class T>
inline T look(const volatile T* word) {
  if constexpr (sizeof(T) == 16)
    return modify(const_cast<volatile T*>(word), [](T seen) { return seen; });
  else
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

template <class T>
inline bool exchange_if(volatile T* word, T* expected, T value) {
  T wanted = *expected;
  T seen = modify(word, [=](T before) { return before == wanted ? value : before; });
  if (seen != wanted) *expected = seen;
  return seen == wanted;
}

inline bool fails(Simulation* simulation) {
  return simulation != nullptr && weak_exchanges_may_fail &&
         simulation->choose(runtime::Decision::pick, 2) != 0;
}

}  // namespace

void fail_weak_exchanges(bool may_fail) { weak_exchanges_may_fail = may_fail; }

}  // namespace sluice::simulation

using namespace sluice::simulation;

using Word8 = uint8_t;
using Word16 = uint16_t;
using Word32 = uint32_t;
using Word64 = uint64_t;
using Word128 = unsigned __int128;

#define ARRIVE(word) arrive(word, __builtin_return_address(0))

#define MODIFYING(bits, name, next)                                                           \
  Word##bits __tsan_atomic##bits##_##name(volatile Word##bits* word, Word##bits value, int) { \
    ARRIVE(word);                                                                             \
    return modify(word, [=]([[maybe_unused]] Word##bits seen) { return Word##bits(next); });  \
  }

#define ATOMICS(bits)                                                                              \
  Word##bits __tsan_atomic##bits##_load(const volatile Word##bits* word, int) {                    \
    ARRIVE(word);                                                                                  \
    return look(word);                                                                             \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile Word##bits* word, Word##bits value, int) {             \
    ARRIVE(word);                                                                                  \
    modify(word, [=](Word##bits) { return value; });                                               \
  }                                                                                                \
  MODIFYING(bits, exchange, value)                                                                 \
  MODIFYING(bits, fetch_add, seen + value)                                                         \
  MODIFYING(bits, fetch_sub, seen - value)                                                         \
  MODIFYING(bits, fetch_and, seen& value)                                                          \
  MODIFYING(bits, fetch_or, seen | value)                                                          \
  MODIFYING(bits, fetch_xor, seen ^ value)                                                         \
  MODIFYING(bits, fetch_nand, ~(seen & value))                                                     \
  int __tsan_atomic##bits##_compare_exchange_strong(                                               \
      volatile Word##bits* word, Word##bits* expected, Word##bits value, int, int) {               \
    ARRIVE(word);                                                                                  \
    return exchange_if(word, expected, value);                                                     \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile Word##bits* word, Word##bits* expected, \
                                                  Word##bits value, int, int) {                    \
    if (fails(ARRIVE(word))) {                                                                     \
      *expected = look(word);                                                                      \
      return 0;                                                                                    \
    }                                                                                              \
    return exchange_if(word, expected, value);                                                     \
  }                                                                                                \
  Word##bits __tsan_atomic##bits##_compare_exchange_val(                                           \
      volatile Word##bits* word, Word##bits expected, Word##bits value, int, int) {                \
    ARRIVE(word);                                                                                  \
    exchange_if(word, &expected, value);                                                           \
    return expected;                                                                               \
  }

#define PLAIN(size)                                         \
  void __tsan_read##size(void*) {}                          \
  void __tsan_write##size(void*) {}                         \
  void __tsan_read_write##size(void*) {}                    \
  void __tsan_volatile_read##size(void*) {}                 \
  void __tsan_volatile_write##size(void*) {}                \
  void __tsan_unaligned_read##size(const void*) {}          \
  void __tsan_unaligned_write##size(void*) {}               \
  void __tsan_unaligned_read_write##size(void*) {}          \
  void __tsan_unaligned_volatile_read##size(const void*) {} \
  void __tsan_unaligned_volatile_write##size(void*) {}

extern "C" {

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
ATOMICS(128)

// All operations are in one order without them.
void __tsan_atomic_thread_fence(int) { std::atomic_thread_fence(std::memory_order_seq_cst); }
void __tsan_atomic_signal_fence(int) {}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
void __tsan_read_range(void*, unsigned long) {}
void __tsan_write_range(void*, unsigned long) {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
// clang's instead of calls of memset() and so on.
void* __tsan_memset(void* to, int byte, size_t size) { return std::memset(to, byte, size); }
void* __tsan_memcpy(void* to, const void* from, size_t size) { return std::memcpy(to, from, size); }
void* __tsan_memmove(void* to, const void* from, size_t size) {
  return std::memmove(to, from, size);
}
// What a program says of its own synchronization (sanitizer/tsan_interface.h); newer standard
// libraries do, of std::atomic<std::shared_ptr>.
void __tsan_acquire(void*) {}
void __tsan_release(void*) {}
void __tsan_mutex_create(void*, unsigned) {}
void __tsan_mutex_destroy(void*, unsigned) {}
void __tsan_mutex_pre_lock(void*, unsigned) {}
void __tsan_mutex_post_lock(void*, unsigned, int) {}
int __tsan_mutex_pre_unlock(void*, unsigned) { return 0; }
void __tsan_mutex_post_unlock(void*, unsigned) {}
void __tsan_mutex_pre_signal(void*, unsigned) {}
void __tsan_mutex_post_signal(void*, unsigned) {}
void __tsan_mutex_pre_divert(void*, unsigned) {}
void __tsan_mutex_post_divert(void*, unsigned) {}

}  // extern "C"
