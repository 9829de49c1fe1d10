// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/report.h"

#include <string>

#include "sluice/telemetry/log.h"

namespace sluice::http::internal {

void report_refusal(const net::Address& client, int status, std::string_view reason) {
  log(Level::warn, "http: request refused",
      {{"client", client.to_string()}, {"status", status}, {"reason", reason}});
}

void report_failure(Request& request, int status, const Error& error) {
  log(Level::error, "http: handler failed",
      {{"method", request.method_name()},
       {"target", request.target()},
       {"status", status},
       {"error", error}});
}

void report_overload(const Error& error) {
  log(Level::error, "http: connection closed, it cannot be served", {{"error", error}});
}

void report_panic(Request& request, std::string_view what) {
  log(Level::error, "http: handler threw",
      {{"method", request.method_name()}, {"target", request.target()}, {"what", what}});
}

}  // namespace sluice::http::internal
