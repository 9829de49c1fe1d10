// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "sluice/base/time.h"

namespace sluice {

class Error;
namespace internal {
class LogLine;
}  // namespace internal

enum class Level : uint8_t { debug, info, warn, error };

// A name and a value for a log line. It only looks at text and errors: it lives no longer than the
// call it is built for.
class Field {
 public:
  Field(std::string_view key, std::string_view text) : key_(key), kind_(Kind::text), text_(text) {}
  Field(std::string_view key, const char* text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, const void*) = delete;  // else a pointer would be a boolean
  Field(std::string_view key, bool boolean)
      : key_(key), kind_(Kind::text), text_(boolean ? "true" : "false") {}
  template <std::signed_integral T>
  Field(std::string_view key, T number) : key_(key), kind_(Kind::integer), integer_(number) {}
  template <std::unsigned_integral T>
  Field(std::string_view key, T number) : key_(key), kind_(Kind::natural), natural_(number) {}
  Field(std::string_view key, double number) : key_(key), kind_(Kind::real), real_(number) {}
  Field(std::string_view key, Duration duration)
      : key_(key), kind_(Kind::duration), integer_(duration.count()) {}
  Field(std::string_view key, const Error& error) : key_(key), kind_(Kind::error), error_(&error) {}

 private:
  friend class internal::LogLine;
  enum class Kind : uint8_t { text, integer, natural, real, duration, error };

  std::string_view key_;
  Kind kind_;
  union {
    std::string_view text_;
    int64_t integer_;
    uint64_t natural_;
    double real_;
    const Error* error_;
  };
};

// Writes one line to standard error, when the level is not below log_level():
//
//   log(Level::warn, "risk did not answer", {{"payment", id}, {"after", elapsed}});
//   2026-11-23T10:13:18.123456Z warn risk did not answer payment=p_17 after=50.3ms
//
// A value with blanks, quotes or = is quoted; control characters, invalid UTF-8 and characters that
// change how a terminal shows a line are escaped in values and message, so that what a peer sends
// cannot forge a line or a field. A line is one write(2) of at most 4096 bytes (PIPE_BUF: lines
// of several processes do not mix in a pipe); what is longer ends in truncated=true.
// Thread-safety: all functions here, from any thread or goroutine. Allocates nothing (an Error's
// chain of causes excepted), takes no lock, keeps errno.
// Source: logfmt.
void log(Level level, std::string_view message, std::initializer_list<Field> fields = {});

// The least level that is written: SLUICE_LOG=debug|info|warn|error, read at the first use; info
// without it.
Level log_level();
void set_log_level(Level level);

// "debug", "info", "warn", "error".
std::string_view name_of(Level level);

// Where lines go instead of standard error: for tests, and for programs with a log of their own.
class LogSink {
 public:
  virtual ~LogSink() = default;

  // `line` ends in a newline. May be called by several threads at once; must not log.
  virtual void write(Level level, std::string_view line) = 0;
};

// Sends lines to `sink` from now on; null: to standard error. Returns the sink before. A sink must
// outlive every call of log() that may have begun before it was replaced.
LogSink* set_log_sink(LogSink* sink);

}  // namespace sluice
