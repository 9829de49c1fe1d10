// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/database.h"

#include <string.h>

#include <sqlite3.h>

#include "sluice/runtime/go.h"
#include "sluice/sqlite/internal/connection.h"

namespace sluice::sqlite {
namespace {

// How many virtual machine instructions SQLite runs between two looks at the stop flag: about
// 0.1 ms, and too seldom to be measurable.
constexpr int progress_interval = 10'000;

std::string setup_script(const DatabaseOptions& options) {
  std::string script = "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;";
  switch (options.durability) {
    case Durability::full:
      script += "PRAGMA synchronous=FULL;";
      break;
    case Durability::normal:
      script += "PRAGMA synchronous=NORMAL;";
      break;
    case Durability::off:
      script += "PRAGMA synchronous=OFF;";
      break;
  }
  if (!options.read_only) script += "PRAGMA journal_mode=WAL;";
  return script;
}

Result<void> run_script(const internal::Connection& connection, const std::string& script) {
  const int status = sqlite3_exec(connection.handle, script.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return connection.failure(status, script);
  return {};
}

// SQLite says "unable to open database file" whatever the reason, also of the files beside it that
// WAL mode needs; the system's own is kept.
Error open_failure(const internal::Connection& connection, int status, const std::string& path) {
  Error error = connection.failure(status, {});
  const bool is_systems = (status & 0xff) == SQLITE_CANTOPEN && connection.handle != nullptr;
  const int reason = is_systems ? sqlite3_system_errno(connection.handle) : 0;
  if (reason != 0) error = wrap(error, errno_error(reason, "open").code(), strerror(reason));
  return wrap(std::move(error), "open " + path);
}

// What a killed process has written and not synced is read as committed from now on, so it must be
// as durable: else what is answered on the strength of such a commit is lost by a power cut before
// the next one. Not by a checkpoint, which does nothing while others hold locks.
int sync_files(sqlite3* handle) {
  // Opens the WAL, and recovers it if nobody has.
  int status = sqlite3_exec(handle, "PRAGMA schema_version", nullptr, nullptr, nullptr);
  for (const int pointer : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    if (status != SQLITE_OK) return status;
    sqlite3_file* file = nullptr;
    status = sqlite3_file_control(handle, "main", pointer, &file);
    if (status == SQLITE_OK && file != nullptr && file->pMethods != nullptr)
      status = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  }
  return status;
}

Result<void> open_connection(internal::Connection& connection, const std::string& path,
                             const DatabaseOptions& options) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.read_only) flags |= SQLITE_OPEN_CREATE;
  const int status = sqlite3_open_v2(path.c_str(), &connection.handle, flags, nullptr);
  if (status != SQLITE_OK) return open_failure(connection, status, path);
  connection.statements_max = options.statements_max;
  connection.busy_timeout = options.busy_timeout;
  sqlite3_busy_handler(connection.handle, &internal::Connection::on_busy, &connection);
  sqlite3_progress_handler(connection.handle, progress_interval, &internal::Connection::on_progress,
                           &connection);
  // Without the script's text: it is not what is wrong.
  const int ready =
      sqlite3_exec(connection.handle, setup_script(options).c_str(), nullptr, nullptr, nullptr);
  if (ready != SQLITE_OK) return open_failure(connection, ready, path);
  if (options.read_only || options.durability != Durability::full) return {};
  const int synced = sync_files(connection.handle);
  if (synced != SQLITE_OK) return open_failure(connection, synced, path);
  return {};
}

}  // namespace

Database::Database(std::unique_ptr<internal::Connection> connection)
    : connection_(std::move(connection)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::string& path, DatabaseOptions options) {
  auto connection = std::make_unique<internal::Connection>();
  Result<void> opened = blocking([&] { return open_connection(*connection, path, options); });
  if (!opened) return opened.error();
  return Database{std::move(connection)};
}

Result<Statement> Database::prepare(std::string_view sql) {
  auto found = connection_->cache.find(sql);
  if (found != connection_->cache.end() && !found->second.in_use) {
    found->second.in_use = true;
    found->second.last_use = ++connection_->uses;
    return Statement{connection_.get(), found->second.statement, &found->second};
  }
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int status =
      sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, &tail);
  if (status != SQLITE_OK) return connection_->failure(status, sql);
  if (statement == nullptr) return Error{Code::invalid_argument, "sqlite: no statement in the SQL"};
  // SQLite would silently not run what stands behind the first statement.
  if (sql.find_first_not_of(" \t\r\n", static_cast<size_t>(tail - sql.data())) !=
      std::string_view::npos) {
    sqlite3_finalize(statement);
    return Error{Code::invalid_argument,
                 "sqlite: more than one statement in: " + std::string{sql.substr(0, 200)}};
  }
  internal::CachedStatement* slot = nullptr;
  if (found == connection_->cache.end() && connection_->make_room()) {
    slot = &connection_->cache[std::string{sql}];
    *slot = {.statement = statement, .last_use = ++connection_->uses, .in_use = true};
  }
  return Statement{connection_.get(), statement, slot};
}

Result<void> Database::execute(const std::string& script) {
  return blocking([&] { return run_script(*connection_, script); });
}

int64_t Database::changes() const { return sqlite3_changes64(connection_->handle); }
int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(connection_->handle); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_->handle) == 0; }

void Database::interrupt() { sqlite3_interrupt(connection_->handle); }

}  // namespace sluice::sqlite
