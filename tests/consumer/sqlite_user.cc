// SPDX-License-Identifier: Apache-2.0

// Links sluice::sqlite from an install, and SQLite with it.

#include <cstdio>

#include "sluice/run/run.h"
#include "sluice/sqlite/database.h"

int main() {
  return sluice::run([]() -> sluice::Result<void> {
    auto database = SLUICE_TRY(sluice::sqlite::Database::open(":memory:"));
    auto row = SLUICE_TRY(database.query("SELECT ? + 1", 41));
    SLUICE_TRY(row.step());
    std::printf("%d\n", static_cast<int>(row.integer(0)));
    if (row.integer(0) != 42) return sluice::Error(sluice::Code::internal, "not 42");
    return {};
  });
}
