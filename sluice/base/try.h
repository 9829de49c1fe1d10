// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <type_traits>
#include <utility>

#include "sluice/base/error.h"

// The value of a Result; when it holds an error, returns that from the enclosing function.
//   int fd = SLUICE_TRY(open(path));
//   SLUICE_TRY(write(fd, text));                  // Result<void>: a statement
//   auto parsed = SLUICE_TRY(parse(SLUICE_TRY(read(fd))));
// The enclosing function (or lambda, with its return type written out) returns a Result or an
// Error. A Result given as an lvalue is copied from; move what is not to be copied.
#define SLUICE_TRY(...)                                                                      \
  (__extension__({                                                                           \
    auto&& sluice_try_ = (__VA_ARGS__);                                                      \
    static_assert(::sluice::internal::is_result<std::remove_cvref_t<decltype(sluice_try_)>>, \
                  "SLUICE_TRY takes a sluice::Result");                                      \
    if (!sluice_try_.has_value()) [[unlikely]]                                               \
      return ::sluice::internal::TryError{                                                   \
          static_cast<decltype(sluice_try_)&&>(sluice_try_).error()};                        \
    ::sluice::internal::take_value(static_cast<decltype(sluice_try_)&&>(sluice_try_));       \
  }))

namespace sluice::internal {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

// The error on its way out of a function; becomes whatever that function returns.
struct [[nodiscard]] TryError {
  Error error;

  template <class T>
  operator Result<T>() && {
    return Result<T>(std::move(error));
  }
  operator Error() && { return std::move(error); }

  template <class R>
    requires(!is_result<R> && !std::is_same_v<R, Error>)
  operator R() && {
    static_assert(is_result<R>, "SLUICE_TRY: the enclosing function must return sluice::Result");
    __builtin_unreachable();
  }
};

template <class R>
auto take_value(R&& result) -> typename std::remove_cvref_t<R>::value_type {
  return *std::forward<R>(result);
}

}  // namespace sluice::internal
