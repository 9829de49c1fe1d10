// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/result.h"

#include "sluice/base/assert.h"

namespace sluice::internal {

void result_has_no_value(const Error& error) {
  fatal("the value of a Result that holds an error: " + error.to_string());
}

void result_has_no_error() { fatal("the error of a Result that holds a value"); }

}  // namespace sluice::internal
