// SPDX-License-Identifier: Apache-2.0

// What HTTP/1.1 costs without its system calls: parsing, chunks, routing, heads.

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/http/internal/chunked.h"
#include "sluice/http/internal/head.h"
#include "sluice/http/internal/head_text.h"
#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/route_tree.h"
#include "sluice/http/url.h"

namespace sluice::http::internal {
namespace {

constexpr std::string_view request_text =
    "GET /v1/payments/p_0123456789abcdef?expand=entries HTTP/1.1\r\n"
    "Host: payments.example.org:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"
    "Idempotency-Key: 8b5e1a52-5f4c-4a8e-9f3e-1c2d3e4f5a6b\r\n"
    "Connection: keep-alive\r\n\r\n";

void BM_ParseRequestHead(benchmark::State& state) {
  RequestHead head;
  for (auto _ : state) benchmark::DoNotOptimize(parse_request_head(request_text, {}, head));
  state.SetBytesProcessed(state.iterations() * int64_t(request_text.size()));
}
BENCHMARK(BM_ParseRequestHead);

void BM_ParseSmallestRequestHead(benchmark::State& state) {
  RequestHead head;
  for (auto _ : state)
    benchmark::DoNotOptimize(parse_request_head("GET / HTTP/1.1\r\nHost: h\r\n\r\n", {}, head));
}
BENCHMARK(BM_ParseSmallestRequestHead);

void BM_DecodeChunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 16; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n";
  for (auto _ : state) {
    ChunkedDecoder decoder;
    std::string_view left = body;
    for (;;) {
      ChunkedDecoder::Step step = decoder.next(left);
      left.remove_prefix(step.consumed);
      if (step.event == ChunkedDecoder::Event::end) break;
    }
  }
  state.SetBytesProcessed(state.iterations() * int64_t(body.size()));
}
BENCHMARK(BM_DecodeChunks);

void BM_Route(benchmark::State& state) {
  RouteNode root;
  Handler handler = [](Request&, ResponseWriter&) {};
  for (const char* pattern :
       {"/healthz", "/readyz", "/v1/payments/{id}", "/v1/payments/{id}/refunds",
        "/v1/accounts/{id}", "/v1/accounts/{id}/entries"})
    root.add("GET", pattern, handler);
  Request request;
  parse_request_head(request_text, {}, RequestAccess::head(request));
  for (auto _ : state) {
    RequestAccess::reset(request, nullptr);
    benchmark::DoNotOptimize(find_route(root, request));
  }
}
BENCHMARK(BM_Route);

void BM_RenderResponseHead(benchmark::State& state) {
  Headers headers;
  headers.set("Content-Type", "application/json");
  DateLine date;
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_status_line(out, 200);
    for (const Headers::Field& field : headers) append_field(out, field.name, field.value);
    out += date.now();
    append_number_field(out, "Content-Length", 1234);
    out += "\r\n";
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_RenderResponseHead);

void BM_ParseUrl(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(Url::parse("http://payments.example.org:8080/v1/payments?limit=10"));
}
BENCHMARK(BM_ParseUrl);

}  // namespace
}  // namespace sluice::http::internal
