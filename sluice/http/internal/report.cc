// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/report.h"

#include <unistd.h>

#include <string>

namespace sluice::http::internal {
namespace {

void write_line(std::string line) {
  line += '\n';
  [[maybe_unused]] ssize_t ignored = ::write(2, line.data(), line.size());
}

}  // namespace

void report_refusal(const net::Address& client, int status, std::string_view reason) {
  write_line("http: request refused client=" + client.to_string() +
             " status=" + std::to_string(status) + " reason=\"" + std::string(reason) + '"');
}

void report_failure(Request& request, int status, const Error& error) {
  write_line("http: handler failed method=" + std::string(request.method_name()) +
             " target=" + std::string(request.target()) + " status=" + std::to_string(status) +
             " error=\"" + error.to_string() + '"');
}

void report_panic(Request& request, std::string_view what) {
  write_line("http: handler threw method=" + std::string(request.method_name()) +
             " target=" + std::string(request.target()) + " what=\"" + std::string(what) + '"');
}

}  // namespace sluice::http::internal
