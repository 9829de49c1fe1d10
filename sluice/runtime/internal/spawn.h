// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "sluice/base/result.h"

namespace sluice::runtime {
struct G;
}

namespace sluice::runtime::internal {

// How the scheduler handles a closure whose type it does not know.
struct ClosureType {
  size_t size;
  size_t align;
  void (*run)(void* self);      // calls it, then destroys it; destroys it also when it throws
  void (*destroy)(void* self);  // of a goroutine that never ran
};

template <class F>
inline constexpr ClosureType closure_type{sizeof(F), alignof(F),
                                          [](void* self) {
                                            struct Guard {
                                              F* fn;
                                              ~Guard() { fn->~F(); }
                                            } guard{static_cast<F*>(self)};
                                            (*guard.fn)();
                                          },
                                          [](void* self) { static_cast<F*>(self)->~F(); }};

// A goroutine between its allocation and its start: the caller constructs the closure in
// `storage`, then calls spawn_commit, or spawn_abort if the construction failed.
// `pinned`, in both calls alike: the processor stays with the caller in between, which costs one
// entry less; for closures whose construction is a copy of bytes and runs nobody's code.
struct Spawn {
  G* g;  // null: none could be had, spawn_error() says why
  void* storage;
};
Spawn spawn_begin(const ClosureType& type, const void* created_by, bool pinned);
void spawn_commit(G* g, bool pinned);
void spawn_abort(G* g);

// In a simulation: try_go() is to fail for once. spawn_error() says so.
bool spawn_fails();

// Why this thread's last spawn_begin gave nothing.
Error spawn_error();
[[noreturn]] void die_of_spawn_error();

template <class F>
bool spawn(F&& fn, const void* created_by) {
  using Stored = std::decay_t<F>;
  static_assert(std::is_invocable_v<Stored&>, "go(fn): fn must be callable without arguments");
  constexpr bool pinned =
      std::is_trivially_copyable_v<Stored> && std::is_trivially_constructible_v<Stored, F>;
  Spawn spawn = spawn_begin(closure_type<Stored>, created_by, pinned);
  if (spawn.g == nullptr) return false;
  if constexpr (std::is_nothrow_constructible_v<Stored, F>) {
    ::new (spawn.storage) Stored(std::forward<F>(fn));
  } else {
    struct Guard {
      G* g;
      ~Guard() {
        if (g != nullptr) spawn_abort(g);
      }
    } guard{spawn.g};
    ::new (spawn.storage) Stored(std::forward<F>(fn));
    guard.g = nullptr;
  }
  spawn_commit(spawn.g, pinned);
  return true;
}

// Code that blocks in the kernel runs between these two, without a processor.
class BlockingRegion {
 public:
  BlockingRegion() { enter(); }
  ~BlockingRegion() { leave(); }
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;

 private:
  static void enter();
  static void leave();
};

}  // namespace sluice::runtime::internal
