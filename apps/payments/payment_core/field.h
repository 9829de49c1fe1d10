// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/error.h"

namespace payment_core {

// The detail of an error that one part of the input caused: `as<Field>(error)`. Its name is a JSON
// member ("amount"), a header ("Idempotency-Key") or a query parameter ("limit").
struct Field {
  std::string name;
};

// "amount: must be above zero", with the Field.
inline sluice::Error field_error(std::string name, const std::string& problem,
                                 sluice::Code code = sluice::Code::invalid_argument) {
  std::string message = name + ": " + problem;
  return sluice::Error{code, std::move(message)}.with(Field{std::move(name)});
}

}  // namespace payment_core
