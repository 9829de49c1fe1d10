// SPDX-License-Identifier: Apache-2.0

// SQLite from a goroutine: a script, a transaction that is rolled back because its scope is left
// early, one that is committed, and a query.

#include <cstdio>
#include <string>

#include "sluice/run/run.h"
#include "sluice/sqlite/database.h"
#include "sluice/sqlite/transaction.h"

using namespace sluice;

namespace {

Result<void> add_notes(sqlite::Database& database, bool lose_heart) {
  auto transaction = SLUICE_TRY(sqlite::Transaction::begin(database));
  for (const char* text : {"buy milk", "write tests"})
    SLUICE_TRY(database.run("INSERT INTO notes (text) VALUES (?)", text));
  if (lose_heart) return Error(Code::aborted, "changed my mind");  // rolls back
  return transaction.commit();
}

Result<void> notes(Context) {
  auto database = SLUICE_TRY(sqlite::Database::open(":memory:"));
  SLUICE_TRY(database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"));
  if (auto added = add_notes(database, true); !added)
    std::printf("rolled back: %s\n", added.error().to_string().c_str());
  SLUICE_TRY(add_notes(database, false));

  int count = 0;
  auto rows = SLUICE_TRY(database.query("SELECT id, text FROM notes WHERE id > ?", 0));
  while (SLUICE_TRY(rows.step())) {
    std::printf("%d %s\n", static_cast<int>(rows.integer(0)), std::string(rows.text(1)).c_str());
    ++count;
  }
  if (count != 2) return Error(Code::internal, "two notes were written");
  return {};
}

}  // namespace

int main() { return run(notes); }
