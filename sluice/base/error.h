// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/code.h"
#include "sluice/base/internal/error_rep.h"

namespace sluice {

template <class T>
class Result;
class ErrorSentinel;

// What went wrong: a canonical code, a message, perhaps a cause and typed details.
//
//   return wrap(std::move(error), "read config");         // "read config: open a.toml: No such
//   ..." if (is(error, Code::not_found)) ...                    // this link or any cause if
//   (is(error, deadline_exceeded)) ...                  // a sentinel, by identity if (const Errno*
//   cause = as<Errno>(error)) ...         // a detail, of this link or any cause
//
// One word; immutable; copies share, and copying is at most one reference count. A moved-from Error
// holds the sentinel "moved-from error" and may be used, assigned and destroyed.
// Thread-safety: as an int; copies in different threads are independent.
// Source: Go's errors package (Is, As, Unwrap) over google.rpc.Status.
class [[nodiscard]] Error {
 public:
  // `code` is not Code::ok: an Error is a failure. An empty message shows as the code's name.
  Error(Code code, std::string message);
  Error(const ErrorSentinel& sentinel) noexcept;

  Error(const Error& other) noexcept : word_(other.word_) { retain(); }
  Error(Error&& other) noexcept : word_(std::exchange(other.word_, moved_from())) {}
  Error& operator=(const Error& other) noexcept {
    Error copy(other);
    std::swap(word_, copy.word_);
    return *this;
  }
  Error& operator=(Error&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~Error() {
    if (!(word_ & internal::sentinel_bit)) internal::release(word_);
  }

  // The same error with one more detail: found by detail<T>() and as<T>(); code, message, cause and
  // identity stay. Of two details of one type the later one is found.
  template <class T>
  Error with(T detail) const {
    return decorate(new internal::DetailRep<T>(std::move(detail)));
  }

  Code code() const noexcept { return rep().code; }

  // This link's own message; lives as long as any copy of this Error.
  std::string_view message() const noexcept { return rep().message; }

  // The next link, or null. Lives as long as any copy of this Error.
  const Error* cause() const noexcept;

  // This link's detail of that type, or null. For causes' details too: as<T>(error).
  template <class T>
  const T* detail() const noexcept {
    return static_cast<const T*>(find_detail(&internal::type_id<T>));
  }

  // The messages from this link down to the root cause: "outer: inner".
  std::string to_string() const;

 private:
  template <class T>
  friend class Result;
  friend bool is(const Error& error, const Error& target) noexcept;
  friend Error wrap(Error cause, Code code, std::string message);

  struct None {};
  // No error at all: for Result<void>, which never shows such an Error to anybody.
  explicit constexpr Error(None) noexcept : word_(internal::sentinel_bit) {}
  bool is_none() const noexcept { return word_ == internal::sentinel_bit; }

  static uintptr_t moved_from() noexcept;
  const internal::ErrorRep& rep() const noexcept {
    return *reinterpret_cast<const internal::ErrorRep*>(word_ & ~internal::sentinel_bit);
  }
  void retain() const noexcept {
    if (!(word_ & internal::sentinel_bit)) internal::retain(word_);
  }
  Error decorate(internal::ErrorRep* detail) const;
  const void* find_detail(const char* type) const noexcept;

  uintptr_t word_;  // the address of an internal::ErrorRep, | sentinel_bit
};

static_assert(sizeof(Error) <= 16);

// A constant that errors are compared with by identity; an Error of it allocates nothing.
//   inline constexpr ErrorSentinel end_of_file{Code::out_of_range, "EOF"};
// The object must have static storage, and `message` must be a literal.
class ErrorSentinel {
 public:
  constexpr ErrorSentinel(Code code, std::string_view message) {
    rep_.code = code;
    rep_.message = message;
  }
  ErrorSentinel(const ErrorSentinel&) = delete;
  ErrorSentinel& operator=(const ErrorSentinel&) = delete;

 private:
  friend class Error;
  internal::ErrorRep rep_;
};

inline constexpr ErrorSentinel moved_from_error{Code::internal, "moved-from error"};

inline Error::Error(const ErrorSentinel& sentinel) noexcept
    : word_(reinterpret_cast<uintptr_t>(&sentinel.rep_) | internal::sentinel_bit) {}

inline uintptr_t Error::moved_from() noexcept {
  return reinterpret_cast<uintptr_t>(&moved_from_error.rep_) | internal::sentinel_bit;
}

// A new link above `cause`, with the cause's code or with one of its own.
Error wrap(Error cause, std::string message);
Error wrap(Error cause, Code code, std::string message);

// Whether the error or any of its causes has the code.
bool is(const Error& error, Code code) noexcept;

// Whether the error or any of its causes is `target` or a copy of it.
bool is(const Error& error, const Error& target) noexcept;

// The first detail of type T, from the error down its causes, or null.
// Lives as long as any copy of the error.
template <class T>
const T* as(const Error& error) noexcept {
  for (const Error* link = &error; link != nullptr; link = link->cause())
    if (const T* detail = link->detail<T>()) return detail;
  return nullptr;
}

// The detail that errno_error() leaves: the system's own number.
struct Errno {
  int value;
};

// A failed system call as an Error: "<what>: <the system's text>", the canonical code that errno
// `err` stands for, and an Errno detail.
Error errno_error(int err, std::string_view what);

}  // namespace sluice
