// SPDX-License-Identifier: Apache-2.0

#pragma once

// For tests: goroutines to leak, and whether a search finds them.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/leaks.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::runtime {

inline constexpr bool searches = !sanitizer::address && !sanitizer::thread;

// The least that goroutines can wait for, made as channels and locks are: a queue of nodes that lie
// on the waiters' stacks.
class Gate {
 public:
  void wait(WaitReason reason = WaitReason::chan_receive) {
    Node node{current(), nullptr};
    {
      std::lock_guard lock(lock_);
      node.next = first_;
      first_ = &node;
    }
    park(reason);
  }
  void open() {
    Node* woken;
    {
      std::lock_guard lock(lock_);
      woken = std::exchange(first_, nullptr);
    }
    while (woken != nullptr) {
      Node* next = woken->next;
      ready(woken->g);
      woken = next;
    }
  }

 private:
  struct Node {
    G* g;
    Node* next;
  };
  SpinLock lock_;
  Node* first_ = nullptr;
};

// Starts `fn` and returns its goroutine's id once that is parked.
template <class F>
[[gnu::noinline]] uint64_t start_and_park(F fn) {
  std::atomic<uint64_t> id{0};
  go([fn = std::move(fn), &id]() mutable {
    id.store(goroutine_id());
    fn();
  });
  for (;;) {
    yield();
    for (const Goroutine& goroutine : capture_goroutines().goroutines)
      if (goroutine.id == id.load() && goroutine.state == GoroutineState::waiting)
        return goroutine.id;
  }
}

// What calls left on the stack below is no more, but looks the same.
[[gnu::noinline]] inline void overwrite_dead_stack() {
  volatile char junk[16384];
  for (volatile char& each : junk) each = 0;
}

// On a busy machine a thread may get no CPU in time to stop, or to end: it is waited for.
[[gnu::noinline]] inline LeakProof prove() {
  constexpr int tries_max = 100;
  LeakProof proof;
  for (int i = 0; i < tries_max; ++i) {
    proof = prove_leaks();
    if (!searches || proof.incomplete.empty()) break;
  }
  return proof;
}

[[gnu::noinline]] inline bool ask(uint64_t id) {
  LeakProof proof = prove();
  EXPECT_EQ(proof.incomplete, searches ? "" : "not under a sanitizer");
  EXPECT_TRUE(std::is_sorted(proof.goroutines.begin(), proof.goroutines.end()));
  return std::binary_search(proof.goroutines.begin(), proof.goroutines.end(), id);
}

// In the frame that asks, so that nothing dead is between.
[[gnu::always_inline]] inline bool proves(uint64_t id) {
  overwrite_dead_stack();
  return ask(id);
}

// Whether goroutines that `leak()` starts, and gives the ids of, are found. Not each of them need
// be: an ended thread's stack, say, may have an address that now is one of theirs. But nothing that
// can wake them makes all of them look so.
template <class Leak>
[[gnu::noinline]] bool finds_what(Leak leak) {
  constexpr int leaks_max = searches ? 30 : 1;
  for (int i = 0; i < leaks_max; ++i) {
    bool all = true;
    for (uint64_t id : leak()) all = proves(id) && all;
    if (all) return true;
  }
  return false;
}

}  // namespace sluice::runtime
