// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace payment_core {

// Creates the tables in an empty database, or brings those of an older version up to date, in one
// transaction.
// Errors: failed_precondition (made by a newer version, or by another program).
sluice::Result<void> prepare_schema(sluice::sqlite::Database& database);

// Whether prepare_schema() would find nothing to do. Writes nothing.
// Errors: failed_precondition, saying what is wrong.
sluice::Result<void> check_schema(sluice::sqlite::Database& database);

}  // namespace payment_core
