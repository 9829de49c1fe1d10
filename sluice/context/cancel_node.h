// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/context/context.h"
#include "sluice/context/internal/cancel_link.h"

namespace sluice {

// Wakes a wait when a context ends, without a channel and without allocating: the seam for
// primitives that park (semaphores, connections). User code selects on Context::done() instead.
//
// The node lives in the waiter's frame, between add() and remove():
//   CancelNode node{[](CancelNode* self) { /* mark the wait as cancelled, ready() the waiter */ }};
//   if (!node.add(context)) return cancelled;   // was over already
//   ... enqueue and park ...
//   node.remove();
// `fire` runs at most once, on the cancelling thread, under the context's SpinLock: it must be
// short; it may take SpinLocks that are never held around add() or remove(), and call ready().
// Thread-safety: add and remove belong to the waiter; fire may run in between.
class CancelNode : private internal::CancelLink {
 public:
  using Fire = void (*)(CancelNode*);

  explicit CancelNode(Fire fire) : CancelLink(Kind::waiter), fire_(fire) {}
  ~CancelNode() { remove(); }

  // False: the context is over and fire will not run. The context must live until remove().
  [[nodiscard]] bool add(const Context& context);

  // Once it returns, fire has run to its end or never will. True: it never will. Idempotent.
  bool remove();

 private:
  friend class internal::CancelScope;

  const Fire fire_;
  internal::CancelScope* scope_ = nullptr;
};

}  // namespace sluice
