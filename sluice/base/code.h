// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// The canonical status codes, with gRPC's names and numbers: the number goes over the wire.
// Which one, when several seem to fit:
//  - failed_precondition: do not retry until the state was repaired by somebody;
//  - aborted: redo the whole operation (read, decide, write), for example a lost transaction;
//  - unavailable: retry just this call, after a backoff;
//  - invalid_argument is wrong in every state; out_of_range may become right as the state grows;
//  - permission_denied: the caller is known and may not; unauthenticated: the caller is not known;
//  - internal: an invariant of ours broke; unknown: a foreign error that carries no code.
// Source: google.rpc.Code (googleapis, google/rpc/code.proto).
enum class Code : uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

inline constexpr int code_count = 17;

// A row of the one table that says what a code means to other protocols.
struct CodeInfo {
  Code code;
  std::string_view name;  // "NOT_FOUND", as gRPC writes it
  int http_status;
  bool retryable;  // the same operation, redone from its start after a backoff, may succeed
};

// The code's row. A number that is no code (a peer may send any) has the row of Code::unknown.
const CodeInfo& info(Code code);

// The code for a number from a peer: Code::unknown when it is none.
constexpr Code code_from_number(int number) {
  return number >= 0 && number < code_count ? static_cast<Code>(number) : Code::unknown;
}

// The code that an HTTP response of this status stands for: the first row that has the status,
// else the class decides: 1xx-3xx ok, 4xx failed_precondition, 5xx internal, other unknown.
Code code_from_http(int http_status);

}  // namespace sluice
