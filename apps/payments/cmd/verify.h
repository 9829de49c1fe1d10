// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/result.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct VerifyOptions {
  std::string database;
  std::string acknowledged_file;  // of `load`: all that is in it must be in the ledger, as told
  std::string received_file;      // of `receive`: every event of the outbox must be in it
};

// Audits a ledger (payment_core/audit.h), also of a running service, and compares it with what
// clients and the webhook receiver have noted. Prints a summary and each finding; the status is 1
// when there are any.
// Errors: the files and the database.
sluice::Result<int> verify(const sluice::Context& context, const VerifyOptions& options);

}  // namespace payments_cmd
