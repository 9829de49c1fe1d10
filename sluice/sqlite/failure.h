// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/code.h"

namespace sluice::sqlite {

// The detail carried by every error of this package: `as<Failure>(error)`.
struct Failure {
  int code = 0;           // SQLite's primary result code, e.g. 19 SQLITE_CONSTRAINT
  int extended_code = 0;  // and its extended one, e.g. 2067 SQLITE_CONSTRAINT_UNIQUE
};

// The canonical code of an SQLite result code (extended or primary):
//   BUSY, LOCKED, CANTOPEN         unavailable
//   CONSTRAINT_UNIQUE/PRIMARYKEY   already_exists
//   other CONSTRAINT               failed_precondition
//   INTERRUPT                      cancelled (deadline_exceeded when a context's deadline did it)
//   FULL, NOMEM                    resource_exhausted
//   READONLY, PERM, AUTH           permission_denied
//   CORRUPT, NOTADB                data_loss
//   TOOBIG, RANGE, MISMATCH, ERROR invalid_argument
//   ABORT                          aborted
//   everything else                internal
Code code_of(int sqlite_code);

}  // namespace sluice::sqlite
