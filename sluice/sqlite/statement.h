// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "sluice/base/result.h"

struct sqlite3_stmt;

namespace sluice::sqlite {

namespace internal {
struct Connection;
struct CachedStatement;
}  // namespace internal

// A prepared statement, borrowed from its Database's cache until scope exit. Move-only.
// Parameters are numbered from 1, columns from 0, as in SQLite. One goroutine at a time.
//
//   Statement rows = SLUICE_TRY(database.query("SELECT name FROM t WHERE id > ?", 7));
//   while (SLUICE_TRY(rows.step())) use(rows.text(0));
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Binds a parameter; text is copied. A wrong index makes the next step() fail.
  void bind(int index, std::nullptr_t);
  void bind(int index, int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  template <std::integral T>
  void bind(int index, T value) {
    bind(index, static_cast<int64_t>(value));
  }
  void bind(int index, const std::string& value) { bind(index, std::string_view{value}); }
  void bind(int index, const char* value) { bind(index, std::string_view{value}); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value)
      bind(index, *value);
    else
      bind(index, nullptr);
  }
  template <class... Args>
  void bind_all(const Args&... args) {
    int index = 0;
    (bind(++index, args), ...);
  }

  // Moves to the next row: true, or to the end: false.
  // Errors: see sqlite/failure.h.
  Result<bool> step();

  // Steps to the end, ignoring rows.
  Result<void> finish();

  // Makes the statement ready to run again; the parameters stay bound.
  void reset();

  // Columns of the current row. Text is valid until the next step(), reset() or scope exit.
  bool is_null(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  std::optional<int64_t> optional_integer(int column) const;
  std::optional<std::string> optional_text(int column) const;

 private:
  friend class Database;
  Statement(internal::Connection* connection, sqlite3_stmt* statement,
            internal::CachedStatement* slot);
  void note_bind(int status);
  void release();

  internal::Connection* connection_;
  sqlite3_stmt* statement_;
  internal::CachedStatement* slot_;  // its place in the cache; null: finalized at the end
  int bind_status_ = 0;              // the first failed bind, reported by step()
};

}  // namespace sluice::sqlite
