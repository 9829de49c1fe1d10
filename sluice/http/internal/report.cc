// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/report.h"

#include <string>

#include "sluice/runtime/memory.h"
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

void report_shedding(uint64_t count) {
  MemoryStats memory = memory_stats();
  log(Level::warn, "http: memory is short, requests are answered 503",
      {{"so_far", count}, {"used_bytes", memory.used_bytes}, {"limit_bytes", memory.limit_bytes}});
}

void report_overload(const Error& error) {
  log(Level::error, "http: connection closed, it cannot be served", {{"error", error}});
}

void report_panic(Request& request, std::string_view what) {
  log(Level::error, "http: handler threw",
      {{"method", request.method_name()}, {"target", request.target()}, {"what", what}});
}

}  // namespace sluice::http::internal
