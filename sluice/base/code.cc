// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/code.h"

#include <cstddef>
#include <iterator>

namespace sluice {
namespace {

// HTTP statuses: the "HTTP Mapping" lines of google/rpc/code.proto.
// Retryable: unavailable and aborted by their definitions there, resource_exhausted because servers
// that shed load answer with it. deadline_exceeded is not: the caller's time is used up.
constexpr CodeInfo table[] = {
    {Code::ok, "OK", 200, false},
    {Code::cancelled, "CANCELLED", 499, false},
    {Code::unknown, "UNKNOWN", 500, false},
    {Code::invalid_argument, "INVALID_ARGUMENT", 400, false},
    {Code::deadline_exceeded, "DEADLINE_EXCEEDED", 504, false},
    {Code::not_found, "NOT_FOUND", 404, false},
    {Code::already_exists, "ALREADY_EXISTS", 409, false},
    {Code::permission_denied, "PERMISSION_DENIED", 403, false},
    {Code::resource_exhausted, "RESOURCE_EXHAUSTED", 429, true},
    {Code::failed_precondition, "FAILED_PRECONDITION", 400, false},
    {Code::aborted, "ABORTED", 409, true},
    {Code::out_of_range, "OUT_OF_RANGE", 400, false},
    {Code::unimplemented, "UNIMPLEMENTED", 501, false},
    {Code::internal, "INTERNAL", 500, false},
    {Code::unavailable, "UNAVAILABLE", 503, true},
    {Code::data_loss, "DATA_LOSS", 500, false},
    {Code::unauthenticated, "UNAUTHENTICATED", 401, false},
};

consteval bool rows_stand_at_their_numbers() {
  for (size_t i = 0; i < std::size(table); ++i)
    if (table[i].code != static_cast<Code>(i)) return false;
  return std::size(table) == code_count;
}
static_assert(rows_stand_at_their_numbers());

}  // namespace

const CodeInfo& info(Code code) {
  return table[static_cast<size_t>(code_from_number(static_cast<int>(code)))];
}

Code code_from_http(int http_status) {
  if (http_status >= 100 && http_status < 400) return Code::ok;
  // 500 is in the rows of unknown, internal and data_loss: a server that says 500 says "internal".
  if (http_status == 500) return Code::internal;
  for (const CodeInfo& row : table)
    if (row.http_status == http_status) return row.code;
  if (http_status >= 400 && http_status < 500) return Code::failed_precondition;
  if (http_status >= 500 && http_status < 600) return Code::internal;
  return Code::unknown;
}

}  // namespace sluice
