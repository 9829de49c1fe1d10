// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/time.h"

namespace sluice::internal {

class CancelScope;
class ValueNode;

// What a Context handle points at: one link of the chain that ends at the background (null).
//
// Immutable once published, but for the reference count and what CancelScope guards itself.
// Counted are handles, CancelFuncs, armed timers and children; a parent's list of children is not:
// a scope leaves that list before its CancelFunc lets go of it (cancel_scope.h).
class ContextNode {
 public:
  enum class Kind : uint8_t { value, shield, cancel, timer };

  ContextNode(const ContextNode&) = delete;
  ContextNode& operator=(const ContextNode&) = delete;

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }

  // Gives up `count` references. True: they were the last, and the caller must destroy_chain().
  [[nodiscard]] bool drop(uint32_t count = 1) {
    // Sole owners need no atomic write: nobody can gain a reference from one he does not have.
    // Acquire pairs with the release of the other owners' drops: their uses come first.
    return references_.load(std::memory_order_acquire) == count ||
           references_.fetch_sub(count, std::memory_order_acq_rel) == count;
  }

  // Frees `node`, then every ancestor that it was the last to hold. A loop, not a recursion: chains
  // may be a million long.
  static void destroy_chain(ContextNode* node);

  ContextNode* const parent;  // owned; null: the background
  CancelScope* scope;         // the nearest one that can end, itself included; null: never ends
  const ValueNode* values;    // the nearest value, itself included
  Instant deadline;           // Instant::max(): none

 protected:
  // `references`: the owners that the creator is about to hand the node to.
  ContextNode(Kind kind, ContextNode* parent, uint32_t references)
      : parent(parent),
        scope(parent ? parent->scope : nullptr),
        values(parent ? parent->values : nullptr),
        deadline(parent ? parent->deadline : Instant::max()),
        references_(references),
        kind_(kind) {
    if (parent != nullptr) parent->retain();
  }
  ~ContextNode() = default;

 private:
  std::atomic<uint32_t> references_;
  const Kind kind_;
};

inline void release_context(ContextNode* node, uint32_t count = 1) {
  if (node != nullptr && node->drop(count)) ContextNode::destroy_chain(node);
}

// A key and its value. The key is the address of a variable that stands for the key's type.
class ValueNode : public ContextNode {
 public:
  using Destroy = void (*)(ValueNode*);

  const void* const key;
  const void* const value;
  const ValueNode* const outer;
  const Destroy destroy;

 protected:
  ValueNode(ContextNode* parent, const void* key, const void* value, Destroy destroy)
      : ContextNode(Kind::value, parent, 1),
        key(key),
        value(value),
        outer(values),
        destroy(destroy) {
    values = this;
  }
};

template <class T>
class TypedValueNode final : public ValueNode {
 public:
  template <class U>
  TypedValueNode(ContextNode* parent, const void* key, U&& value) try
      : ValueNode(parent, key, &value_,
                  [](ValueNode* node) { delete static_cast<TypedValueNode*>(node); }),
        value_(static_cast<U&&>(value)) {
  } catch (...) {
    // The value could not be made, and with this node goes its hold on the parent.
    release_context(parent);
  }

 private:
  const T value_;
};

// Passes values on and nothing else (without_cancel).
class ShieldNode final : public ContextNode {
 public:
  explicit ShieldNode(ContextNode* parent) : ContextNode(Kind::shield, parent, 1) {
    scope = nullptr;
    deadline = Instant::max();
  }
};

template <class Key>
inline constexpr char context_key{};

}  // namespace sluice::internal
