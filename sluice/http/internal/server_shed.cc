// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: shed_test.cc

#include <algorithm>
#include <chrono>
#include <string>

#include "sluice/http/internal/report.h"
#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/server_conn.h"
#include "sluice/runtime/memory.h"

namespace sluice::http::internal {
namespace {

constexpr Duration report_period = std::chrono::seconds(1);

bool covers(std::string_view exempt, std::string_view path) {
  return exempt.ends_with('/') ? path.starts_with(exempt) : path == exempt;
}

// For one caller in a report_period.
bool may_report(std::atomic<int64_t>& reported_ns) {
  int64_t now_ns = now().time_since_epoch().count();
  int64_t last = reported_ns.load(std::memory_order_relaxed);
  if (last != 0 && now_ns - last < report_period.count()) return false;
  return reported_ns.compare_exchange_strong(last, now_ns, std::memory_order_relaxed);
}

}  // namespace

bool ServerConn::must_shed() {
  if (memory_pressure() != MemoryPressure::critical) [[likely]]
    return false;
  const ServerOptions& options = run_->options();
  std::string_view path = exchange_->request.path();
  return options.shed_under_memory_pressure &&
         std::ranges::none_of(options.shed_exempt,
                              [&](const std::string& exempt) { return covers(exempt, path); });
}

// The connection ends: its goroutine, its socket and what the client would send next cost memory.
// Rejected: to stop accepting as well, for then a health probe waits in the backlog too, and who is
// told 503 knows more than who hears nothing.
void ServerConn::shed() {
  ServerShared& shared = run_->shared();
  uint64_t count = shared.shed.fetch_add(1, std::memory_order_relaxed) + 1;
  count_shed_request();
  if (may_report(shared.shed_reported_ns)) report_shedding(count);
  keep_alive_ = false;
  put_error(503, Code::resource_exhausted, "memory is short, try again later");
  auto seconds = std::chrono::ceil<std::chrono::seconds>(run_->options().shed_retry_after);
  ResponseWriter& response = exchange_->response;
  response.headers().set("Retry-After", std::to_string(seconds.count()));
  if (!ResponseAccess::finish(response)) broken_ = true;
}

}  // namespace sluice::http::internal
