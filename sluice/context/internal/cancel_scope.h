// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "sluice/base/assert.h"
#include "sluice/base/error.h"
#include "sluice/chan/channel.h"
#include "sluice/context/cancel_node.h"
#include "sluice/context/context.h"
#include "sluice/context/internal/cancel_link.h"
#include "sluice/context/internal/context_node.h"
#include "sluice/runtime/simulation.h"
#include "sluice/runtime/spin_lock.h"
#include "sluice/runtime/timer.h"

namespace sluice::internal {

// A context that can end: the node behind with_cancel, and the base of with_deadline's.
//
// Life: live -> cancelled, once; the one who moves the phase (begin) owes the rest: stop the timer,
// leave the parent's list, end everything in its own list. `cancelling` is seen only while the done
// channel is being closed under the lock, so that err() and done() tell the same story.
//
// Invariant: a scope is freed only after it was cancelled, because its CancelFunc cancels before it
// lets go. So a freed scope is in no list, has an empty list and no armed timer; and whoever finds
// a child in a list under the list's lock may simply retain() it.
//
// The races, and who wins:
//  - end against a child's birth: both take the parent's lock; the child is either in the list when
//    the parent is emptied, or sees the parent's phase and starts cancelled (attach).
//  - timer against birth: the timer is armed before attach, and may end the child first; attach
//  then
//    sees the child's phase under the parent's lock, or the timer's end comes later and unlinks.
//    (Armed after attach, the parent's end would call Timer::stop while start is running.)
//  - timer against cancel: begin decides. An armed timer owns a reference; stop() == true gives it
//    back, otherwise the callback drops it.
//  - after_func's stop against the end: whoever unlinks it under the lock.
// Lock order: a scope's lock, then those of channels or waiters; never two scopes' locks at once:
// a tree is ended with an explicit stack of scopes (next_ending_), one lock at a time, so a deep
// tree costs no stack and nobody waits for a whole subtree. Source: the semantics are those of Go's
// context/context.go.
//
// Its CancelLink base is its place in the list of the scope around it, guarded by that one's lock.
class CancelScope : public ContextNode, private CancelLink {
 public:
  enum class Phase : uint8_t { live, cancelling, cancelled };
  enum class Reason : uint8_t { cancelled, deadline };

  // Handed to two owners, a Context and a CancelFunc, but not in the parent's list yet.
  explicit CancelScope(ContextNode* parent) : CancelScope(ContextNode::Kind::cancel, parent, 2) {}

  // Puts this scope in the list of the scope around it, or ends it if that one has ended.
  void attach() {
    if (CancelScope* up = outer()) attach_to(*up);
  }

  // Ends this scope and all below it. Only the first call has an effect. `cause` null: the reason's
  // own error. Runs no foreign code but what ready() and go() do; callable from timer callbacks.
  // Returns how many references the caller is to drop besides his own: the stopped timer's.
  uint32_t cancel(Reason reason, const Error* cause) {
    return end(reason, cause, &release_context);
  }

  // False: already over, and the link is not in the list.
  bool add(CancelLink& link);
  // True: it was in the list, and its owner has it back.
  bool remove(CancelLink& link);

  bool is_cancelled() const {
    runtime::interleave();
    return phase_.load(std::memory_order_acquire) != Phase::live;
  }
  std::optional<Error> err() const;
  std::optional<Error> cause() const;
  ReceiveChannel<Unit> done();

 protected:
  using Release = void (*)(ContextNode*, uint32_t count);

  CancelScope(ContextNode::Kind kind, ContextNode* parent, uint32_t references)
      : ContextNode(kind, parent, references),
        CancelLink(CancelLink::Kind::child),
        timed_(kind == ContextNode::Kind::timer) {
    scope = this;
  }
  ~CancelScope() {
    SLUICE_ASSERT(
        phase_.load(std::memory_order_relaxed) == Phase::cancelled && list_.empty() && !linked(),
        "freed a live context");
  }
  uint32_t end(Reason reason, const Error* cause, Release release);
  // Drops a reference that is not the last, since the caller has another.
  void give_back() {
    bool last = drop();
    SLUICE_ASSERT(!last);
  }

 private:
  struct Begun {
    bool first = false;       // we moved the phase
    bool inner = false;       // the list was not empty
    uint32_t given_back = 0;  // the timer's reference
  };

  friend class ContextNode;
  static CancelScope& of(CancelLink& link) { return static_cast<CancelScope&>(link); }
  CancelScope* outer() const { return parent == nullptr ? nullptr : parent->scope; }
  void attach_to(CancelScope& up);
  Begun begin(Reason reason, const Error* cause);
  void end_descendants(Release release);
  // True once it has settled into cancelled; waits out a closing of the channel.
  bool over() const;

  mutable runtime::SpinLock lock_;
  std::atomic<Phase> phase_{Phase::live};  // written under lock_
  Reason reason_ = Reason::cancelled;      // fixed by begin
  const bool timed_;
  std::atomic<bool> has_done_{false};          // done_ was created; written under lock_
  CancelList list_;                            // guarded by lock_; empty for ever once cancelled
  CancelScope* next_ending_ = nullptr;         // belongs to the thread whose begin() won
  std::optional<Error> cause_;                 // fixed by begin; empty: the reason's own error
  Channel<Unit> done_ = Channel<Unit>::nil();  // guarded by lock_ until has_done_
};

// A scope that a timer ends.
class TimerScope final : public CancelScope {
 public:
  // `when` is earlier than the parent's deadline.
  TimerScope(ContextNode* parent, Instant when, std::optional<Error> cause)
      : CancelScope(ContextNode::Kind::timer, parent, 3), deadline_cause_(std::move(cause)) {
    deadline = when;
  }

  // Arms the timer, which owns the third reference; to be called before attach().
  void arm() { timer_.start(deadline, &TimerScope::fired, this, 0); }
  // Instead of arm(), for a deadline that has passed.
  void expire_now();

 private:
  friend class CancelScope;
  friend class ContextNode;
  ~TimerScope() = default;
  static void fired(void* scope, uint64_t);
  const Error* deadline_cause() const { return deadline_cause_ ? &*deadline_cause_ : nullptr; }

  const std::optional<Error> deadline_cause_;
  runtime::Timer timer_;
};

}  // namespace sluice::internal
