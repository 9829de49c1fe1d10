// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/statement.h"

#include <utility>

#include <sqlite3.h>

#include "sluice/sqlite/internal/connection.h"

namespace sluice::sqlite {

Statement::Statement(internal::Connection* connection, sqlite3_stmt* statement,
                     internal::CachedStatement* slot)
    : connection_(connection), statement_(statement), slot_(slot) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      slot_(std::exchange(other.slot_, nullptr)),
      bind_status_(other.bind_status_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  release();
  connection_ = other.connection_;
  statement_ = std::exchange(other.statement_, nullptr);
  slot_ = std::exchange(other.slot_, nullptr);
  bind_status_ = other.bind_status_;
  return *this;
}

Statement::~Statement() { release(); }

void Statement::release() {
  if (statement_ == nullptr) return;
  if (slot_ == nullptr) {
    sqlite3_finalize(statement_);
  } else {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    slot_->in_use = false;
  }
  statement_ = nullptr;
}

void Statement::note_bind(int status) {
  if (bind_status_ == SQLITE_OK) bind_status_ = status;
}

void Statement::bind(int index, std::nullptr_t) { note_bind(sqlite3_bind_null(statement_, index)); }
void Statement::bind(int index, int64_t value) {
  note_bind(sqlite3_bind_int64(statement_, index, value));
}
void Statement::bind(int index, double value) {
  note_bind(sqlite3_bind_double(statement_, index, value));
}
void Statement::bind(int index, std::string_view value) {
  // An empty view may have a null pointer, which SQLite would bind as NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  note_bind(
      sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

Result<bool> Statement::step() {
  if (bind_status_ != SQLITE_OK) return connection_->failure(bind_status_, sqlite3_sql(statement_));
  switch (const int status = sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return connection_->failure(status, sqlite3_sql(statement_));
  }
}

Result<void> Statement::finish() {
  while (SLUICE_TRY(step())) {
  }
  return {};
}

void Statement::reset() { sqlite3_reset(statement_); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::text(int column) const {
  // The text first: it may convert the value, which changes the byte count.
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return std::string{text(column)};
}

}  // namespace sluice::sqlite
