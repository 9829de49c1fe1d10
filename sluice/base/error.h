// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/code.h"

namespace sluice {

template <class T>
class Result;
class ErrorSentinel;

namespace internal {
struct ErrorRep;
void retain(uintptr_t word) noexcept;   // one reference more; the word is a counted rep's
void release(uintptr_t word) noexcept;  // one less; the last one frees the chain, without recursion

// One address per type, in the whole process: a type's identity without RTTI.
template <class T>
inline constexpr char type_id = 0;
}  // namespace internal

// What went wrong: a canonical code, a message, perhaps a cause and typed details.
//
//   return wrap(std::move(error), "read config");   // "read config: open a.toml: No such ..."
//   if (is(error, Code::not_found)) ...             // this link or any cause
//   if (is(error, end_of_file)) ...                 // a sentinel, by identity
//   if (const Errno* cause = as<Errno>(error)) ...  // a detail, of this link or any cause
//
// One word; immutable; copies share, and copying is at most one reference count. A moved-from Error
// holds the sentinel moved_from_error and may be used, assigned and destroyed.
// Thread-safety: as an int; copies in different threads are independent.
// Source: Go's errors package (Is, As, Unwrap) over google.rpc.Status.
class [[nodiscard]] Error {
 public:
  // `code` is not Code::ok: an Error is a failure. An empty message shows as the code's name.
  Error(Code code, std::string message);
  Error(const ErrorSentinel& sentinel) noexcept;  // NOLINT: implicit, an Error of no cost

  Error(const Error& other) noexcept : word_(other.word_) { retain(); }
  Error(Error&& other) noexcept : word_(std::exchange(other.word_, moved_from())) {}
  Error& operator=(const Error& other) noexcept {
    Error copy(other);
    std::swap(word_, copy.word_);
    return *this;
  }
  Error& operator=(Error&& other) noexcept {
    Error moved(std::move(other));
    std::swap(word_, moved.word_);
    return *this;
  }
  constexpr ~Error() {
    if (is_counted()) internal::release(word_);
  }

  // The same error with one more detail: found by detail<T>() and as<T>(); code, message, cause and
  // identity stay. Of two details of one type the later one is found.
  template <class T>
  Error with(T detail) const;

  Code code() const noexcept;

  // This link's own message; lives as long as any copy of this Error.
  std::string_view message() const noexcept;

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
  friend struct internal::ErrorRep;
  friend void internal::release(uintptr_t word) noexcept;
  friend bool is(const Error& error, const Error& target) noexcept;
  friend Error wrap(Error cause, Code code, std::string message);

  // No error at all. It never leaves its owner: a Result<void>, or a rep that has no cause.
  struct None {};
  explicit constexpr Error(None) noexcept : word_(sentinel_bit) {}
  constexpr bool is_none() const noexcept { return word_ == sentinel_bit; }

  constexpr bool is_counted() const noexcept { return !(word_ & sentinel_bit); }
  void retain() const noexcept {
    if (is_counted()) internal::retain(word_);
  }
  static uintptr_t moved_from() noexcept;
  const internal::ErrorRep& rep() const noexcept {
    return *reinterpret_cast<const internal::ErrorRep*>(word_ & ~sentinel_bit);
  }
  Error decorate(internal::ErrorRep* layer) const;
  const void* find_detail(const char* type) const noexcept;

  static constexpr uintptr_t sentinel_bit = 1;

  uintptr_t
      word_;  // the address of a rep; with sentinel_bit, of a sentinel's, which is not counted
};

static_assert(sizeof(Error) <= 16);

namespace internal {

// What an Error points at; immutable once an Error holds it. Either a link of the chain, with a
// message of its own and perhaps a cause below it, or a layer that lays a detail over what is below
// it, whose code and message it shows.
struct ErrorRep {
  void (*destroy)(ErrorRep*) = nullptr;  // frees the object that this is the base of
  const char* detail_type = nullptr;     // &type_id<T> of a layer; null: a link
  const void* detail_value = nullptr;    // the layer's T
  std::string_view message;
  Error below{Error::None{}};
  uint32_t references = 1;  // atomic access only; not counted in a sentinel
  Code code = Code::unknown;
};

template <class T>
struct DetailRep : ErrorRep {
  explicit DetailRep(T value_of_detail) : value(std::move(value_of_detail)) {
    destroy = [](ErrorRep* rep) { delete static_cast<DetailRep*>(rep); };
    detail_type = &type_id<T>;
    detail_value = &value;
  }

  T value;
};

}  // namespace internal

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

// A failed system call as an Error: "<what>: <the system's text>", the canonical code that `err`
// stands for, and an Errno detail.
Error errno_error(int err, std::string_view what);

inline Error::Error(const ErrorSentinel& sentinel) noexcept
    : word_(reinterpret_cast<uintptr_t>(&sentinel.rep_) | sentinel_bit) {}

template <class T>
Error Error::with(T detail) const {
  return decorate(new internal::DetailRep<T>(std::move(detail)));
}

inline Code Error::code() const noexcept { return rep().code; }
inline std::string_view Error::message() const noexcept { return rep().message; }

inline uintptr_t Error::moved_from() noexcept {
  return reinterpret_cast<uintptr_t>(&moved_from_error.rep_) | sentinel_bit;
}

}  // namespace sluice
