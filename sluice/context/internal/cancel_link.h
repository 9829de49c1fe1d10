// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::internal {

// A place in a scope's list of who is to hear of its end. Guarded by that scope's lock.
struct CancelLink {
  enum class Kind : uint8_t {
    child,       // a CancelScope: ended in turn, outside the lock
    waiter,      // a CancelNode on somebody's stack: fired under the lock
    after_func,  // an AfterFunc: started as a goroutine, outside the lock
  };

  explicit CancelLink(Kind kind) : kind(kind) {}
  CancelLink(const CancelLink&) = delete;
  CancelLink& operator=(const CancelLink&) = delete;

  bool linked() const { return next != nullptr; }
  void unlink() {
    previous->next = next;
    next->previous = previous;
    next = previous = nullptr;
  }

  CancelLink* next = nullptr;
  CancelLink* previous = nullptr;
  const Kind kind;
};

// The list: a ring through a head that is no member. First in, first told.
class CancelList {
 public:
  CancelList() { head_.next = head_.previous = &head_; }

  bool empty() const { return head_.next == &head_; }
  void push_back(CancelLink& link) {
    link.next = &head_;
    link.previous = head_.previous;
    head_.previous->next = &link;
    head_.previous = &link;
  }
  // Null when empty.
  CancelLink* pop_front() {
    if (empty()) return nullptr;
    CancelLink* link = head_.next;
    link->unlink();
    return link;
  }

 private:
  CancelLink head_{CancelLink::Kind::child};
};

}  // namespace sluice::internal
