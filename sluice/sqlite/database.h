// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/sqlite/statement.h"

namespace sluice::sqlite {

namespace internal {
struct Connection;
}

// How much of a commit is on disk when it returns.
enum class Durability : uint8_t {
  full,    // synchronous=FULL: the commit survives a power cut; open() syncs what others left
  normal,  // synchronous=NORMAL: survives kill -9; a power cut may lose the latest commits
  off,     // no fsync at all: for tests and scratch data
};

struct DatabaseOptions {
  bool read_only = false;
  bool create = true;  // false: the file must exist
  Durability durability = Durability::full;
  // How long a statement waits for another connection's lock before it fails with unavailable.
  Duration busy_timeout = std::chrono::seconds{5};
  // Prepared statements kept for reuse.
  size_t statements_max = 64;
};

// A connection to one SQLite file, in WAL mode, with foreign keys enforced. Movable; Statements,
// Transactions and CancelScopes point into it and must end first.
//
// Goroutines: one at a time. The connection is opened without SQLite's own mutex; it may migrate
// between threads, but two goroutines need two connections (ReaderPool, Writer). Only interrupt()
// may be called meanwhile, from anywhere.
//
// Who holds a P: open() and execute() run inside blocking(), because they touch files and run for
// long. query() and run() do not: a point read takes microseconds, and when one waits longer
// (a lock, a cold page) sysmon retakes the P. A caller that knows better (a commit that fsyncs, a
// scan) wraps its calls in blocking(); Writer does. Waiting for a lock blocks the thread in short
// naps, at most `busy_timeout`.
class Database {
 public:
  // Opens or creates the file at `path`.
  // Errors: not_found (there is none, and it is not to be created), unavailable (cannot be opened),
  // data_loss (not a database), permission_denied. All name the path.
  static Result<Database> open(const std::string& path, DatabaseOptions options = {});

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // A statement from the cache, or freshly prepared; it returns to the cache at scope exit.
  // Errors: invalid_argument (bad SQL, with SQLite's message; more than one statement).
  Result<Statement> prepare(std::string_view sql);

  // prepare() with its parameters bound; the caller steps it.
  template <class... Args>
  Result<Statement> query(std::string_view sql, const Args&... args) {
    Result<Statement> statement = prepare(sql);
    if (statement) statement->bind_all(args...);
    return statement;
  }

  // Prepares, binds and runs to the end.
  // Errors: see code_of() in sqlite/failure.h; the message has SQLite's words and the SQL.
  template <class... Args>
  Result<void> run(std::string_view sql, const Args&... args) {
    Statement statement = SLUICE_TRY(query(sql, args...));
    return statement.finish();
  }

  // Runs a script of several statements, without parameters.
  Result<void> execute(const std::string& script);

  // Rows changed by the latest INSERT, UPDATE or DELETE.
  int64_t changes() const;
  int64_t last_insert_id() const;
  bool in_transaction() const;

  // Makes the running statement fail with `cancelled`; no effect when none runs.
  void interrupt();

 private:
  friend class CancelScope;
  explicit Database(std::unique_ptr<internal::Connection> connection);

  std::unique_ptr<internal::Connection> connection_;
};

}  // namespace sluice::sqlite
