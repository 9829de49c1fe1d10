// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace payment_core {

// Creates the tables in an empty database, or checks that this build knows the ones it finds.
// Errors: failed_precondition (made by another version).
sluice::Result<void> prepare_schema(sluice::sqlite::Database& database);

}  // namespace payment_core
