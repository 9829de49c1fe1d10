// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/context.h"

#include "sluice/context/cancel_node.h"
#include "sluice/context/internal/after_func.h"
#include "sluice/context/internal/cancel_scope.h"

namespace sluice {

namespace {

using internal::CancelScope;
using internal::ContextAccess;
using internal::TimerScope;

CancelScope* scope_of(const Context& context) {
  internal::ContextNode* node = ContextAccess::node(context);
  return node == nullptr ? nullptr : node->scope;
}

CancellableContext handles(CancelScope* scope) {
  return {ContextAccess::adopt(scope), ContextAccess::adopt_cancel(scope)};
}

// `over`: `when` has passed, which the caller knows anyway.
CancellableContext make_timed(const Context& parent, Instant when, bool over,
                              std::optional<Error> cause) {
  internal::ContextNode* node = ContextAccess::node(parent);
  Instant limit = node == nullptr ? Instant::max() : node->deadline;
  if (limit <= when) return with_cancel(parent);
  auto* scope = new TimerScope(node, when, std::move(cause));
  if (over) {
    scope->attach();  // first: an ended parent's reason and cause win, as in Go
    scope->expire_now();
  } else {
    scope->arm();
    scope->attach();
  }
  return handles(scope);
}

// Far enough away to mean never, and near enough not to overflow.
Instant after(Instant start, Duration timeout) {
  return timeout > Instant::max() - start ? Instant::max() : start + timeout;
}

}  // namespace

ReceiveChannel<Unit> Context::done() const {
  CancelScope* scope = scope_of(*this);
  return scope == nullptr ? Channel<Unit>::nil().receive_only() : scope->done();
}

bool Context::cancelled() const {
  CancelScope* scope = scope_of(*this);
  return scope != nullptr && scope->is_cancelled();
}

std::optional<Error> Context::err() const {
  CancelScope* scope = scope_of(*this);
  return scope == nullptr ? std::nullopt : scope->err();
}

std::optional<Error> Context::cause() const {
  CancelScope* scope = scope_of(*this);
  return scope == nullptr ? std::nullopt : scope->cause();
}

void CancelFunc::operator()() const { cancel(nullptr); }

void CancelFunc::operator()(const Error& cause) const { cancel(&cause); }

// Holds the scope itself: whoever the end wakes may destroy this CancelFunc before we are through.
void CancelFunc::cancel(const Error* cause) const {
  CancelScope* scope = scope_;
  if (scope == nullptr) return;
  scope->retain();
  uint32_t spare = scope->cancel(CancelScope::Reason::cancelled, cause);
  internal::release_context(scope, 1 + spare);
}

void CancelFunc::finish() {
  uint32_t spare = scope_->cancel(CancelScope::Reason::cancelled, nullptr);
  internal::release_context(scope_, 1 + spare);
}

CancellableContext with_cancel(const Context& parent) {
  auto* scope = new CancelScope(ContextAccess::node(parent));
  scope->attach();
  return handles(scope);
}

CancellableContext with_deadline(const Context& parent, Instant when) {
  return make_timed(parent, when, when <= now(), std::nullopt);
}

CancellableContext with_deadline(const Context& parent, Instant when, Error cause) {
  return make_timed(parent, when, when <= now(), std::move(cause));
}

CancellableContext with_timeout(const Context& parent, Duration timeout) {
  return make_timed(parent, after(now(), timeout), timeout <= Duration::zero(), std::nullopt);
}

CancellableContext with_timeout(const Context& parent, Duration timeout, Error cause) {
  return make_timed(parent, after(now(), timeout), timeout <= Duration::zero(), std::move(cause));
}

Context without_cancel(const Context& parent) {
  return ContextAccess::adopt(new internal::ShieldNode(ContextAccess::node(parent)));
}

bool CancelNode::add(const Context& context) {
  CancelScope* scope = scope_of(context);
  if (scope == nullptr) return true;
  if (!scope->add(*this)) return false;
  scope_ = scope;
  return true;
}

bool CancelNode::remove() {
  CancelScope* scope = std::exchange(scope_, nullptr);
  return scope == nullptr || scope->remove(*this);
}

StopFunc after_func(const Context& context, Function<void()> fn) {
  auto* after = new internal::AfterFunc(std::move(fn), __builtin_return_address(0));
  StopFunc stop;
  stop.context_ = context;
  stop.after_ = after;
  CancelScope* scope = scope_of(context);
  if (scope == nullptr) {
    after->drop();  // the list's reference: there is no list that it could ever be in
    return stop;
  }
  after->wait();
  if (!scope->add(*after)) after->start();
  return stop;
}

StopFunc::StopFunc(const StopFunc& other) : context_(other.context_), after_(other.after_) {
  if (after_ != nullptr) after_->retain();
}

StopFunc::~StopFunc() {
  if (after_ != nullptr) after_->drop();
}

bool StopFunc::operator()() const {
  if (after_ == nullptr) return false;
  CancelScope* scope = scope_of(context_);
  if (scope == nullptr) return after_->stop_unlisted();
  if (!scope->remove(*after_)) return false;
  after_->stop();
  return true;
}

}  // namespace sluice
