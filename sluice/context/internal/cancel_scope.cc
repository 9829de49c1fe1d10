// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/internal/cancel_scope.h"

#include <mutex>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/context/internal/after_func.h"
#include "sluice/runtime/go.h"

namespace sluice::internal {

namespace {

const ErrorSentinel& error_of(CancelScope::Reason reason) {
  return reason == CancelScope::Reason::deadline ? context_deadline_exceeded : context_canceled;
}

// The done channel of every scope that ended before anybody asked for one. Never destroyed: static
// objects and threads that outlive main() may still ask.
const Channel<Unit>& closed_channel() {
  static const Channel<Unit>& closed = *[] {
    runtime::Uninterrupted whole;
    auto* channel = new Channel<Unit>;
    channel->close();
    return channel;
  }();
  return closed;
}

// For timer callbacks: a node's values may have destructors that take their time, so a last owner
// on the scheduler leaves the freeing to a goroutine.
void release_on_scheduler(ContextNode* node, uint32_t count) {
  if (!node->drop(count)) return;
  if (!try_go([node] { ContextNode::destroy_chain(node); })) ContextNode::destroy_chain(node);
}

}  // namespace

void ContextNode::destroy_chain(ContextNode* node) {
  do {
    ContextNode* parent = node->parent;
    switch (node->kind_) {
      case Kind::value: {
        auto* value = static_cast<ValueNode*>(node);
        value->destroy(value);
        break;
      }
      case Kind::shield:
        delete static_cast<ShieldNode*>(node);
        break;
      case Kind::cancel:
        delete static_cast<CancelScope*>(node);
        break;
      case Kind::timer:
        delete static_cast<TimerScope*>(node);
        break;
    }
    node = parent;
  } while (node != nullptr && node->drop());
}

void CancelScope::attach_to(CancelScope& up) {
  if (up.add(*this)) return;
  if (cancel(up.reason_, up.cause_ ? &*up.cause_ : nullptr) != 0) give_back();
}

bool CancelScope::add(CancelLink& link) {
  std::lock_guard lock(lock_);
  if (phase_.load(std::memory_order_relaxed) != Phase::live) return false;
  // A child whose timer beat us here has left already, or will once we unlock (header).
  if (link.kind == CancelLink::Kind::child && of(link).is_cancelled()) return true;
  list_.push_back(link);
  return true;
}

bool CancelScope::remove(CancelLink& link) {
  std::lock_guard lock(lock_);
  if (!link.linked()) return false;
  link.unlink();
  return true;
}

[[gnu::always_inline]] inline CancelScope::Begun CancelScope::begin(Reason reason,
                                                                    const Error* cause) {
  if (phase_.load(std::memory_order_relaxed) != Phase::live) return {};
  Begun begun;
  {
    std::lock_guard lock(lock_);
    if (phase_.load(std::memory_order_relaxed) != Phase::live) return {};
    reason_ = reason;
    if (cause != nullptr) cause_ = *cause;
    if (has_done_.load(std::memory_order_relaxed)) {
      phase_.store(Phase::cancelling, std::memory_order_release);
      done_.close();
    }
    // Pairs with the acquire loads of err(), cause() and is_cancelled().
    phase_.store(Phase::cancelled, std::memory_order_release);
    begun.first = true;
    begun.inner = !list_.empty();
  }
  if (timed_ && static_cast<TimerScope*>(this)->timer_.stop()) begun.given_back = 1;
  return begun;
}

uint32_t CancelScope::end(Reason reason, const Error* cause, Release release) {
  Begun begun = begin(reason, cause);
  if (!begun.first) return 0;
  if (CancelScope* up = outer()) up->remove(*this);
  if (begun.inner) end_descendants(release);
  return begun.given_back;
}

void CancelScope::end_descendants(Release release) {
  CancelScope* ending = this;  // a stack through next_ending_; all but `this` hold a reference
  next_ending_ = nullptr;
  while (ending != nullptr) {
    CancelLink* link = nullptr;
    {
      std::lock_guard lock(ending->lock_);
      link = ending->list_.pop_front();
      if (link != nullptr && link->kind == CancelLink::Kind::waiter) {
        auto* node = static_cast<CancelNode*>(link);
        node->fire_(node);
        continue;
      }
      if (link != nullptr && link->kind == CancelLink::Kind::child) of(*link).retain();
    }
    if (link == nullptr) {
      CancelScope* done = std::exchange(ending, ending->next_ending_);
      if (done != this) release(done, 1);
    } else if (link->kind == CancelLink::Kind::after_func) {
      static_cast<AfterFunc*>(link)->start();
    } else {
      CancelScope& child = of(*link);
      Begun begun = child.begin(reason_, cause_ ? &*cause_ : nullptr);
      if (begun.inner) {
        if (begun.given_back != 0) child.give_back();
        child.next_ending_ = std::exchange(ending, &child);
      } else {
        release(&child, 1 + begun.given_back);
      }
    }
  }
}

bool CancelScope::over() const {
  runtime::interleave();
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::live:
      return false;
    case Phase::cancelling: {
      std::lock_guard closing(lock_);
      return true;
    }
    case Phase::cancelled:
      return true;
  }
  __builtin_unreachable();
}

std::optional<Error> CancelScope::err() const {
  if (!over()) return std::nullopt;
  return error_of(reason_);
}

std::optional<Error> CancelScope::cause() const {
  if (!over()) return std::nullopt;
  return cause_ ? *cause_ : Error(error_of(reason_));
}

ReceiveChannel<Unit> CancelScope::done() {
  runtime::interleave();
  // Pairs with the release below.
  if (has_done_.load(std::memory_order_acquire)) return done_.receive_only();
  runtime::interleave();
  if (phase_.load(std::memory_order_acquire) == Phase::cancelled)
    return closed_channel().receive_only();
  Channel<Unit> fresh;  // made outside the lock; dropped if another call was faster
  {
    std::lock_guard lock(lock_);
    if (!has_done_.load(std::memory_order_relaxed) &&
        phase_.load(std::memory_order_relaxed) == Phase::live) {
      std::swap(done_, fresh);
      has_done_.store(true, std::memory_order_release);
    }
    if (has_done_.load(std::memory_order_relaxed)) return done_.receive_only();
  }
  return closed_channel().receive_only();
}

void TimerScope::expire_now() {
  cancel(Reason::deadline, deadline_cause());
  give_back();  // the reference that no timer will own
}

void TimerScope::fired(void* scope, uint64_t) {
  auto* self = static_cast<TimerScope*>(scope);
  self->end(Reason::deadline, self->deadline_cause(), &release_on_scheduler);
  release_on_scheduler(self, 1);
}

}  // namespace sluice::internal
