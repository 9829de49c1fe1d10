// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/base/error.h"
#include "sluice/http/request.h"
#include "sluice/net/address.h"

namespace sluice::http::internal {

// The server's log lines.

// A request that was refused, before or while its handler ran, with what the client was told.
void report_refusal(const net::Address& client, int status, std::string_view reason);
// A handler whose error became a 5xx answer, or cut a response off (status 0).
void report_failure(Request& request, int status, const Error& error);
// Requests were shed, so many since the server began.
void report_shedding(uint64_t count);
// A connection that was closed because no goroutine could be had for it.
void report_overload(const Error& error);
// A handler that threw.
void report_panic(Request& request, std::string_view what);

}  // namespace sluice::http::internal
