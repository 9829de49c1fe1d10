// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"
#include "sluice/http/request.h"
#include "sluice/http/response_writer.h"

namespace sluice::debug::internal {

// Answers /debug/pprof/trace?seconds=N: records for so long, then sends the file. A client that
// goes away and a server that ends end it sooner, as does a trace that is full.
Result<void> trace_page(http::Request& request, http::ResponseWriter& response);

}  // namespace sluice::debug::internal
