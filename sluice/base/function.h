// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace sluice {

namespace internal {
[[noreturn, gnu::cold]] void call_of_empty_function();

template <class F, class R, class... Args>
concept CallableAs = requires(F& fn, Args&&... args) {
  fn(std::forward<Args>(args)...);
  requires std::is_void_v<R> || std::is_convertible_v<decltype(fn(std::forward<Args>(args)...)), R>;
};
}  // namespace internal

template <class Sig, size_t inline_bytes = 48>
class Function;

// A callable that is owned: moved in, moved on, called, destroyed once. What it holds may be
// move-only. Up to `inline_bytes` it lives inside, and neither making nor moving it allocates; what
// is larger, over-aligned or may throw when moved lives on the heap. 64 bytes by default: a cache
// line. Closures that can be copied by memcpy are moved by it, without an indirect call.
// Calling an empty one ends the process; operator bool tells. It must not be destroyed or assigned
// while it runs.
// Thread-safety: as the callable's. The call is const, as std::function's: it may change the
// callable's own state.
// Source: std::move_only_function (C++23), which GCC 12 allocates for above two words.
template <class R, class... Args, size_t inline_bytes>
class Function<R(Args...), inline_bytes> {
 public:
  Function() noexcept = default;
  Function(std::nullptr_t) noexcept {}

  template <class F, class Held = std::decay_t<F>>
    requires(!std::same_as<Held, Function> && internal::CallableAs<Held, R, Args...> &&
             std::constructible_from<Held, F>)
  Function(F&& fn) {  // NOLINT: implicit, as from a lambda
    if constexpr (std::is_pointer_v<std::remove_cvref_t<F>>) {
      if (fn == nullptr) return;
    }
    if constexpr (fits<Held>) {
      ::new (storage_) Held(std::forward<F>(fn));
      invoke_ = &invoke_held<Held>;
      if constexpr (!std::is_trivially_copyable_v<Held>) move_ = &move_held<Held>;
    } else {
      ::new (storage_) Held*(new Held(std::forward<F>(fn)));
      invoke_ = &invoke_pointed<Held>;
      move_ = &move_pointed<Held>;
    }
  }

  Function(Function&& other) noexcept { take(other); }
  Function& operator=(Function&& other) noexcept {
    if (this == &other) return *this;
    reset();
    take(other);
    return *this;
  }
  Function& operator=(std::nullptr_t) noexcept {
    reset();
    return *this;
  }
  ~Function() { reset(); }

  R operator()(Args... args) const { return invoke_(storage_, std::forward<Args>(args)...); }

  explicit operator bool() const noexcept { return invoke_ != &invoke_empty; }

  // Whether a callable of this type is held without an allocation.
  template <class F>
  static constexpr bool fits =
      sizeof(F) <= inline_bytes && alignof(F) <= alignof(std::max_align_t) &&
      std::is_nothrow_move_constructible_v<F>;

 private:
  static_assert(inline_bytes >= sizeof(void*), "the storage holds a pointer at least");

  using Invoke = R (*)(std::byte* storage, Args&&... args);
  // Moves what `from` holds to `to` and ends its life in `from`; `to` null: only ends it.
  using Move = void (*)(std::byte* to, std::byte* from);

  template <class Held>
  static Held* held(std::byte* storage) {
    return std::launder(reinterpret_cast<Held*>(storage));
  }

  static R invoke_empty(std::byte*, Args&&...) { internal::call_of_empty_function(); }
  template <class Held>
  static R invoke_held(std::byte* storage, Args&&... args) {
    return static_cast<R>((*held<Held>(storage))(std::forward<Args>(args)...));
  }
  template <class Held>
  static R invoke_pointed(std::byte* storage, Args&&... args) {
    return static_cast<R>((**held<Held*>(storage))(std::forward<Args>(args)...));
  }
  template <class Held>
  static void move_held(std::byte* to, std::byte* from) {
    Held* object = held<Held>(from);
    if (to != nullptr) ::new (to) Held(std::move(*object));
    object->~Held();
  }
  template <class Held>
  static void move_pointed(std::byte* to, std::byte* from) {
    Held* object = *held<Held*>(from);
    if (to != nullptr)
      ::new (to) Held*(object);
    else
      delete object;
  }

  void take(Function& other) noexcept {
    if (other.move_ == nullptr)
      std::memcpy(storage_, other.storage_, inline_bytes);
    else
      other.move_(storage_, other.storage_);
    invoke_ = std::exchange(other.invoke_, &invoke_empty);
    move_ = std::exchange(other.move_, nullptr);
  }
  void reset() noexcept {
    if (move_ != nullptr) move_(nullptr, storage_);
    invoke_ = &invoke_empty;
    move_ = nullptr;
  }

  alignas(std::max_align_t) mutable std::byte storage_[inline_bytes];
  Invoke invoke_ = &invoke_empty;
  Move move_ = nullptr;  // null: what is held moves by memcpy and needs no destructor
};

template <class Sig>
class FunctionRef;

// A callable that is only looked at, for a parameter that is called before the function returns:
// two words, no allocation, nothing owned. It must not outlive the callable, so do not store it.
// Source: std::function_ref (C++26).
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef> &&
             internal::CallableAs<std::remove_reference_t<F>, R, Args...>)
  FunctionRef(F&& fn) noexcept {  // NOLINT: implicit, as from a lambda
    using Target = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Target>) {
      target_.function = reinterpret_cast<void (*)()>(&fn);
      invoke_ = [](Target_ target, Args&&... args) -> R {
        return static_cast<R>(
            reinterpret_cast<Target*>(target.function)(std::forward<Args>(args)...));
      };
    } else {
      target_.object =
          const_cast<void*>(static_cast<const volatile void*>(__builtin_addressof(fn)));
      invoke_ = [](Target_ target, Args&&... args) -> R {
        return static_cast<R>((*static_cast<Target*>(target.object))(std::forward<Args>(args)...));
      };
    }
  }

  R operator()(Args... args) const { return invoke_(target_, std::forward<Args>(args)...); }

 private:
  union Target_ {
    void* object;
    void (*function)();
  };

  Target_ target_;
  R (*invoke_)(Target_ target, Args&&... args);
};

}  // namespace sluice
