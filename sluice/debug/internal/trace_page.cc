// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_page.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sluice/debug/execution_trace.h"

namespace sluice::debug::internal {

namespace {

constexpr double seconds_max = 3600;

// Go's tool prints the text of an error that carries this field.
Result<void> refuse(http::ResponseWriter& response, int status, std::string_view text) {
  response.headers().set("X-Go-Pprof", "1");
  return response.text(status, text);
}

// Parts of a second too, as in Go. Nothing: not a time that a trace may last.
std::optional<Duration> parse_seconds(std::string_view text) {
  double seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > seconds_max) return std::nullopt;
  return Duration(static_cast<Duration::rep>(seconds * 1e9));
}

}  // namespace

Result<void> trace_page(http::Request& request, http::ResponseWriter& response) {
  std::optional<Duration> duration = parse_seconds(request.query("seconds").value_or("1"));
  if (!duration) return refuse(response, 400, "seconds must be more than 0, at most 3600\n");
  response.headers().set("X-Content-Type-Options", "nosniff");
  response.headers().set("Content-Disposition", "attachment; filename=\"trace.pftrace\"");
  if (request.method() == http::Method::head)
    return response.reply(200, "application/octet-stream", "");
  Result<ExecutionTrace> trace = ExecutionTrace::start();
  if (!trace.has_value()) {
    response.headers().remove("Content-Disposition");
    return refuse(response, 500, "Could not enable tracing: " + trace.error().to_string() + "\n");
  }
  trace->wait(request.context(), *duration);
  trace->stop();
  if (trace->lost() != 0)
    response.headers().set("Sluice-Trace-Lost-Events", std::to_string(trace->lost()));
  response.headers().set("Content-Type", "application/octet-stream");
  Result<void> written;
  trace->write([&](std::string_view piece) {
    written = response.write(piece);
    return written.has_value();
  });
  return written;
}

}  // namespace sluice::debug::internal
