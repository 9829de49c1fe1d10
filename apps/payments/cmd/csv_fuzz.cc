// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/csv.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apps/payments/cmd/import_row.h"
#include "sluice/base/assert.h"

// A line of an import file: any bytes give fields or an error, and a row that is accepted is sound.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  const auto fields = payments_cmd::split_csv(line);
  if (!fields) return 0;
  SLUICE_ASSERT(!fields->empty());
  const auto row = payments_cmd::parse_import_row(*fields);
  if (!row) return 0;
  if (const auto* payment = std::get_if<payment_core::CreatePayment>(&row->request))
    SLUICE_ASSERT(payment->amount.minor() > 0 && payment->payer != payment->payee);
  return 0;
}
