// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/internal/connection.h"

#include <time.h>

#include <chrono>

#include "sluice/base/code.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/simulation.h"
#include "sluice/sqlite/failure.h"

namespace sluice::sqlite::internal {
namespace {

constexpr size_t sql_shown_max = 200;

}  // namespace

Connection::~Connection() {
  for (auto& [sql, cached] : cache) sqlite3_finalize(cached.statement);
  sqlite3_close_v2(handle);
}

Error Connection::failure(int status, std::string_view sql) const {
  const bool current = handle != nullptr && (sqlite3_errcode(handle) & 0xff) == (status & 0xff);
  const int extended = current ? sqlite3_extended_errcode(handle) : status;
  std::string message = "sqlite: ";
  message += current ? sqlite3_errmsg(handle) : sqlite3_errstr(status);
  message += " (" + std::to_string(extended) + ")";
  if (!sql.empty()) {
    message += " in: ";
    message += sql.substr(0, sql_shown_max);
    if (sql.size() > sql_shown_max) message += "...";
  }
  Code code = code_of(extended);
  if (stop.load(std::memory_order_relaxed) == Stop::deadline &&
      (code == Code::cancelled || code == Code::unavailable))
    code = Code::deadline_exceeded;
  return Error{code, std::move(message)}.with(
      Failure{.code = extended & 0xff, .extended_code = extended});
}

bool Connection::make_room() {
  if (cache.size() < statements_max) return true;
  auto oldest = cache.end();
  for (auto it = cache.begin(); it != cache.end(); ++it) {
    if (it->second.in_use) continue;
    if (oldest == cache.end() || it->second.last_use < oldest->second.last_use) oldest = it;
  }
  if (oldest == cache.end()) return false;
  sqlite3_finalize(oldest->second.statement);
  cache.erase(oldest);
  return true;
}

// Naps grow from 0.25 to 8 ms. The thread sleeps, not the goroutine: SQLite is on the stack and
// must not migrate. Sysmon has retaken the P by then. In a simulation there is one thread only, and
// whoever holds the lock runs on it, too.
int Connection::on_busy(void* connection, int attempts) {
  auto* self = static_cast<Connection*>(connection);
  if (self->stop.load(std::memory_order_relaxed) != Stop::no) return 0;
  const Instant now = sluice::now();
  if (attempts == 0) self->busy_since = now;
  if (now - self->busy_since >= self->busy_timeout) return 0;
  const timespec nap{.tv_sec = 0, .tv_nsec = 250'000L << (attempts < 5 ? attempts : 5)};
  if (runtime::simulation() != nullptr) {
    sleep_for(std::chrono::nanoseconds(nap.tv_nsec));
    return 1;
  }
  nanosleep(&nap, nullptr);
  return 1;
}

int Connection::on_progress(void* connection) {
  return static_cast<Connection*>(connection)->stop.load(std::memory_order_relaxed) != Stop::no;
}

}  // namespace sluice::sqlite::internal

namespace sluice::sqlite {

Code code_of(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Code::already_exists;
    default:
      break;
  }
  switch (sqlite_code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return Code::ok;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
      return Code::unavailable;
    case SQLITE_CONSTRAINT:
      return Code::failed_precondition;
    case SQLITE_INTERRUPT:
      return Code::cancelled;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::resource_exhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Code::permission_denied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::data_loss;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR:
      return Code::invalid_argument;
    case SQLITE_ABORT:
      return Code::aborted;
    default:
      return Code::internal;
  }
}

}  // namespace sluice::sqlite
