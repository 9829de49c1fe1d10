// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/result.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct ImportOptions {
  std::string file;          // a CSV, see import_row.h
  std::string url;           // of a running service
  std::string rejects_file;  // empty: <file>.rejects
  bool quiet = false;        // bad rows go to the rejects file only
  int concurrency = 32;
};

// Streams the file through a running service, so that rows take the way that all payments take:
// checks, risk, idempotency, ledger, events. Rows of one payment keep their order, others run side
// by side. A bad row is reported as "line N: reason", on standard error and, with its text, in the
// rejects file, and the rest goes on. A row whose key was seen before counts as a duplicate.
// The status is 0, also with rejected rows. Memory use does not grow with the rows that are bad.
// A stopped or failed import is taken up by the same command; so is a file imported again, as long
// as the service keeps its keys (ServeOptions::key_retention).
// Errors: the files, the header line, the URL, or a service that cannot be reached for 30 seconds.
sluice::Result<int> import_file(const sluice::Context& context, const ImportOptions& options);

}  // namespace payments_cmd
