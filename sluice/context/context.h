// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/error.h"
#include "sluice/base/function.h"
#include "sluice/base/time.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/context/internal/context_node.h"

namespace sluice {

namespace internal {
class AfterFunc;
class CancelScope;
struct ContextAccess;

// A key's value type: Key::Value, or Key itself where it names none.
template <class Key>
struct ContextValue {
  using Type = Key;
};
template <class Key>
  requires requires { typename Key::Value; }
struct ContextValue<Key> {
  using Type = typename Key::Value;
};
}  // namespace internal

// Why a context ended, compared by identity: is(*context.err(), context_canceled).
inline constexpr ErrorSentinel context_canceled{Code::cancelled, "context canceled"};
inline constexpr ErrorSentinel context_deadline_exceeded{Code::deadline_exceeded,
                                                         "context deadline exceeded"};

// A request's lifetime as a value: whether the work is still wanted, until when, and the
// request-scoped values that cross APIs with it. Pass it as the first parameter, by value.
//
// An immutable handle of one pointer; a copy is one atomic increment and keeps the context and its
// ancestors alive. It ends by its CancelFunc, its deadline or its parent's end, whichever is first,
// and never restarts. All operations may be called by any number of goroutines and threads at once.
// Ordering: what happened before cancel() is seen by whoever sees the end, through err(), done() or
// a woken wait. err() is set if and only if done() is closed.
// Source: Go's context package; the differences: cancel functions are RAII, keys are types.
class Context {
 public:
  // The background: never ends, has no deadline and no values. Also what a moved-from handle is.
  Context() = default;
  static Context background() { return {}; }

  Context(const Context& other) : node_(other.node_) {
    if (node_ != nullptr) node_->retain();
  }
  Context(Context&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Context& operator=(Context other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Context() { internal::release_context(node_); }

  // A channel that is closed when the context ends, for select and until(); nil for a context that
  // never ends. Created by the first call, so that contexts nobody selects on cost none.
  ReceiveChannel<Unit> done() const;

  // Whether it has ended: one load. For loops that poll.
  bool cancelled() const;

  // nullopt while it lives, then always the same: context_canceled or context_deadline_exceeded.
  std::optional<Error> err() const;

  // As err(), but the error that the first cancellation on the way up gave, if it gave one.
  std::optional<Error> cause() const;

  // The moment it ends by itself; nullopt: it does not.
  std::optional<Instant> deadline() const {
    if (node_ == nullptr || node_->deadline == Instant::max()) return std::nullopt;
    return node_->deadline;
  }

  // The innermost value of this key, null when there is none; lives as long as this handle.
  template <class Key>
  const typename internal::ContextValue<Key>::Type* value() const {
    const internal::ValueNode* node = node_ == nullptr ? nullptr : node_->values;
    while (node != nullptr && node->key != &internal::context_key<Key>) node = node->outer;
    if (node == nullptr) return nullptr;
    return static_cast<const typename internal::ContextValue<Key>::Type*>(node->value);
  }

  // The same context, not an equal one.
  friend bool operator==(const Context& a, const Context& b) { return a.node_ == b.node_; }

 private:
  friend struct internal::ContextAccess;
  explicit Context(internal::ContextNode* node) : node_(node) {}

  internal::ContextNode* node_ = nullptr;  // owned; null: the background
};

// Ends its context: by a call, or at the latest when it goes out of scope, so it cannot be
// forgotten. Dropping it at once (`Context c = with_cancel(parent).context;`) therefore ends `c` at
// once: keep the pair. Movable into the goroutine that decides; a moved-from one does nothing.
// Only the first end of a context counts. Does not wait for the work to stop. Calls may run
// together on several threads; whoever one of them wakes may destroy the CancelFunc at once.
class [[nodiscard]] CancelFunc {
 public:
  CancelFunc() = default;
  CancelFunc(CancelFunc&& other) noexcept : scope_(std::exchange(other.scope_, nullptr)) {}
  CancelFunc& operator=(CancelFunc other) noexcept {
    std::swap(scope_, other.scope_);
    return *this;
  }
  ~CancelFunc() {
    if (scope_ != nullptr) finish();
  }

  // err() and cause() become context_canceled.
  void operator()() const;
  // err() becomes context_canceled, cause() this one.
  void operator()(const Error& cause) const;

 private:
  friend struct internal::ContextAccess;
  explicit CancelFunc(internal::CancelScope* scope) : scope_(scope) {}
  void cancel(const Error* cause) const;
  void finish();

  internal::CancelScope* scope_ = nullptr;  // owned
};

// auto [context, cancel] = with_timeout(parent, 30s);
struct [[nodiscard]] CancellableContext {
  Context context;
  CancelFunc cancel;
};

// A child that its CancelFunc or the parent's end ends.
CancellableContext with_cancel(const Context& parent);

// A child that also ends at `when`, with context_deadline_exceeded and `cause`, or with the
// parent's deadline if that is earlier. A `when` that has passed gives a context that is over
// already. Needs a Runtime, whose timers it uses. One allocation; cancelled in time it costs no
// wake-up.
CancellableContext with_deadline(const Context& parent, Instant when);
CancellableContext with_deadline(const Context& parent, Instant when, Error cause);
CancellableContext with_timeout(const Context& parent, Duration timeout);
CancellableContext with_timeout(const Context& parent, Duration timeout, Error cause);

// The parent's values without its deadline and its end: for work that outlives the request.
Context without_cancel(const Context& parent);

// Stops an after_func(). Copyable; dropping it stops nothing.
class StopFunc {
 public:
  StopFunc() = default;
  StopFunc(const StopFunc& other);
  StopFunc(StopFunc&& other) noexcept
      : context_(std::move(other.context_)), after_(std::exchange(other.after_, nullptr)) {}
  StopFunc& operator=(StopFunc other) noexcept {
    std::swap(context_, other.context_);
    std::swap(after_, other.after_);
    return *this;
  }
  ~StopFunc();

  // True: this call stopped fn from ever running. False: it has been started (and may still run),
  // or was stopped before.
  bool operator()() const;

 private:
  friend StopFunc after_func(const Context& context, Function<void()> fn);

  Context context_;
  internal::AfterFunc* after_ = nullptr;  // shared; null: nothing to stop
};

// Runs `fn` in a goroutine of its own once the context ends; at once if it has ended. Calls are
// independent of each other. `fn` belongs to the context until it has run or was stopped.
StopFunc after_func(const Context& context, Function<void()> fn);

namespace internal {
// How this package's parts look through the handles.
struct ContextAccess {
  static ContextNode* node(const Context& context) { return context.node_; }
  static Context adopt(ContextNode* node) { return Context(node); }
  static CancelFunc adopt_cancel(CancelScope* scope) { return CancelFunc(scope); }
};
}  // namespace internal

// A child that carries `value` under `Key`: an empty struct of the package that owns the value,
//   struct RequestId { using Value = std::string; };
//   Context child = with_value<RequestId>(parent, "42");
//   const std::string* id = child.value<RequestId>();
// or the value's own type. Only for request-scoped data that crosses APIs, not for parameters.
// The value's destructor must not wait.
template <class Key, class V>
Context with_value(const Context& parent, V&& value) {
  using Value = typename internal::ContextValue<Key>::Type;
  static_assert(std::constructible_from<Value, V>);
  return internal::ContextAccess::adopt(new internal::TypedValueNode<Value>(
      internal::ContextAccess::node(parent), &internal::context_key<Key>, std::forward<V>(value)));
}

}  // namespace sluice
