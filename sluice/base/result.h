// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

#include "sluice/base/error.h"
#include "sluice/base/try.h"  // IWYU pragma: export

namespace sluice {

namespace internal {

[[noreturn, gnu::cold]] void result_has_no_value(const Error& error);
[[noreturn, gnu::cold]] void result_has_no_error();

// What Result<T> takes as a value: anything that makes a T and is not a Result or an error.
template <class U, class T>
concept ResultValue = std::constructible_from<T, U> && !is_result<std::remove_cvref_t<U>> &&
                      !std::same_as<std::remove_cvref_t<U>, Error> &&
                      !std::same_as<std::remove_cvref_t<U>, ErrorSentinel> &&
                      !std::same_as<std::remove_cvref_t<U>, TryError> &&
                      !std::same_as<std::remove_cvref_t<U>, std::in_place_t>;

}  // namespace internal

// A T, or the Error that says why there is none. The members are std::expected's.
//
//   Result<User> find(Id id);
//   User user = SLUICE_TRY(find(id));            // or return the error from this function
//   return find(id).transform(&name_of).value_or("nobody");
//
// Asking for what is not there (value, *, ->, error) is a bug and ends the process in every build.
// T may be move-only; Result is copyable and movable as T is. Moved from, it keeps its side. A T
// whose move throws ends the process when that happens in an assignment.
// Thread-safety: as T's. Source: C++23 [expected].
template <class T>
class [[nodiscard]] Result {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>,
                "Result<T>: T is an object type, or void");
  static_assert(!std::same_as<T, Error>, "Result<Error>: is it a value or a failure?");

 public:
  using value_type = T;
  using error_type = Error;

  Result()
    requires std::default_initializable<T>
      : value_(), has_value_(true) {}

  template <class U = T>
    requires internal::ResultValue<U, T>
  explicit(!std::convertible_to<U, T>) Result(U&& value)  // NOLINT: implicit, as a return value
      : value_(std::forward<U>(value)), has_value_(true) {}

  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit Result(std::in_place_t, Args&&... args)
      : value_(std::forward<Args>(args)...), has_value_(true) {}

  Result(Error error) noexcept : error_(std::move(error)), has_value_(false) {}
  Result(const ErrorSentinel& sentinel) noexcept : error_(sentinel), has_value_(false) {}

  template <class U>
    requires(!std::same_as<U, T> && !std::is_void_v<U> && std::constructible_from<T, U>)
  explicit(!std::convertible_to<U, T>) Result(Result<U> other) : has_value_(other.has_value()) {
    if (has_value_)
      ::new (place()) T(*std::move(other));
    else
      ::new (place()) Error(std::move(other).error());
  }

  Result(const Result& other)
    requires std::copy_constructible<T>
      : has_value_(other.has_value_) {
    construct(other);
  }
  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
      : has_value_(other.has_value_) {
    construct(std::move(other));
  }
  Result& operator=(const Result& other)
    requires std::copy_constructible<T>
  {
    if (this != &other) *this = Result(other);
    return *this;
  }
  Result& operator=(Result&& other) noexcept {
    if (this == &other) return *this;
    destroy();
    has_value_ = other.has_value_;
    construct(std::move(other));
    return *this;
  }
  ~Result() { destroy(); }

  template <class... Args>
  T& emplace(Args&&... args) {
    *this = Result(std::in_place, std::forward<Args>(args)...);
    return value_;
  }

  bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  T& value() & { return need_value(), value_; }
  const T& value() const& { return need_value(), value_; }
  T&& value() && { return need_value(), std::move(value_); }
  T& operator*() & { return need_value(), value_; }
  const T& operator*() const& { return need_value(), value_; }
  T&& operator*() && { return need_value(), std::move(value_); }
  T* operator->() { return need_value(), __builtin_addressof(value_); }
  const T* operator->() const { return need_value(), __builtin_addressof(value_); }

  Error& error() & { return need_error(), error_; }
  const Error& error() const& { return need_error(), error_; }
  Error&& error() && { return need_error(), std::move(error_); }

  template <class U>
  T value_or(U&& other) const& {
    return has_value_ ? value_ : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) && {
    return has_value_ ? std::move(value_) : static_cast<T>(std::forward<U>(other));
  }

  // and_then: fn(value) -> Result<U>.   transform: fn(value) -> U.
  // or_else: fn(error) -> Result<T>.    transform_error: fn(error) -> Error.
  // On an rvalue, fn is given what it may move from.
  template <class F>
  auto and_then(F&& fn) const& {
    return and_then_of(*this, fn);
  }
  template <class F>
  auto and_then(F&& fn) && {
    return and_then_of(std::move(*this), fn);
  }
  template <class F>
  auto transform(F&& fn) const& {
    return transform_of(*this, fn);
  }
  template <class F>
  auto transform(F&& fn) && {
    return transform_of(std::move(*this), fn);
  }
  template <class F>
  Result or_else(F&& fn) const& {
    return has_value_ ? *this : fn(error_);
  }
  template <class F>
  Result or_else(F&& fn) && {
    return has_value_ ? std::move(*this) : fn(std::move(error_));
  }
  template <class F>
  Result transform_error(F&& fn) const& {
    return has_value_ ? *this : Result(fn(error_));
  }
  template <class F>
  Result transform_error(F&& fn) && {
    return has_value_ ? std::move(*this) : Result(fn(std::move(error_)));
  }

  friend bool operator==(const Result& result, const T& value)
    requires std::equality_comparable<T>
  {
    return result.has_value_ && result.value_ == value;
  }

 private:
  template <class Self, class F>
  static auto and_then_of(Self&& self, F& fn) {
    using Next = std::remove_cvref_t<decltype(fn(std::forward<Self>(self).value_))>;
    static_assert(internal::is_result<Next>, "and_then: the function returns a Result");
    if (self.has_value_) return fn(std::forward<Self>(self).value_);
    return Next(std::forward<Self>(self).error_);
  }

  template <class Self, class F>
  static auto transform_of(Self&& self, F& fn) {
    using Next = std::remove_cvref_t<decltype(fn(std::forward<Self>(self).value_))>;
    if (!self.has_value_) return Result<Next>(std::forward<Self>(self).error_);
    if constexpr (std::is_void_v<Next>) {
      fn(std::forward<Self>(self).value_);
      return Result<Next>();
    } else {
      return Result<Next>(std::in_place, fn(std::forward<Self>(self).value_));
    }
  }

  template <class Other>
  void construct(Other&& other) {
    if (has_value_)
      ::new (place()) T(std::forward<Other>(other).value_);
    else
      ::new (place()) Error(std::forward<Other>(other).error_);
  }
  void* place() noexcept { return __builtin_addressof(value_); }
  void destroy() noexcept {
    if (has_value_)
      value_.~T();
    else
      error_.~Error();
  }
  void need_value() const {
    if (!has_value_) [[unlikely]]
      internal::result_has_no_value(error_);
  }
  void need_error() const {
    if (has_value_) [[unlikely]]
      internal::result_has_no_error();
  }

  union {
    T value_;      // has_value_
    Error error_;  // !has_value_
  };
  bool has_value_;
};

// Success, or the Error that says why not. One word.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() noexcept : error_(Error::None{}) {}
  explicit Result(std::in_place_t) noexcept : Result() {}
  Result(Error error) noexcept : error_(std::move(error)) {}
  Result(const ErrorSentinel& sentinel) noexcept : error_(sentinel) {}

  bool has_value() const noexcept { return error_.is_none(); }
  explicit operator bool() const noexcept { return has_value(); }

  void value() const { operator*(); }
  void operator*() const {
    if (!has_value()) [[unlikely]]
      internal::result_has_no_value(error_);
  }

  Error& error() & { return need_error(), error_; }
  const Error& error() const& { return need_error(), error_; }
  Error&& error() && { return need_error(), std::move(error_); }

  template <class F>
  auto and_then(F&& fn) const {
    using Next = std::remove_cvref_t<decltype(fn())>;
    static_assert(internal::is_result<Next>, "and_then: the function returns a Result");
    return has_value() ? fn() : Next(error_);
  }
  template <class F>
  auto transform(F&& fn) const {
    using Next = std::remove_cvref_t<decltype(fn())>;
    if (!has_value()) return Result<Next>(error_);
    if constexpr (std::is_void_v<Next>) {
      fn();
      return Result<Next>();
    } else {
      return Result<Next>(std::in_place, fn());
    }
  }
  template <class F>
  Result or_else(F&& fn) const {
    return has_value() ? *this : fn(error_);
  }
  template <class F>
  Result transform_error(F&& fn) const {
    return has_value() ? *this : Result(fn(error_));
  }

 private:
  void need_error() const {
    if (has_value()) [[unlikely]]
      internal::result_has_no_error();
  }

  Error error_;
};

}  // namespace sluice
