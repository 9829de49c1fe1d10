// SPDX-License-Identifier: Apache-2.0

// URLs, escapes, query strings and routes.

#include "sluice/http/url.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/route_tree.h"

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::internal;

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

RouteNode make_routes() {
  RouteNode root;
  Handler handler = [](Request&, ResponseWriter&) {};
  for (const char* pattern : {"/", "/a", "/a/{x}", "/a/{x}/b", "/{y}/b/c", "/f/{rest...}"})
    root.add("GET", pattern, handler);
  return root;
}

// A path that routes as plain must contain no segment that climbs.
void route(std::string_view target) {
  static const RouteNode routes = make_routes();
  std::string text = "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  Request request;
  HeadLimits limits;
  if (parse_request_head(text, limits, RequestAccess::head(request)).status !=
      Parsed::Status::complete)
    return;
  if (!is_plain_path(request)) return;
  const RouteNode* node = find_route(routes, request);
  if (node == nullptr) return;
  require(node->pattern == request.route());
  for (const std::string& name : node->names) {
    std::string_view value = request.param(name);
    if (name != "rest") require(!value.empty());
    require(value != "." && value != "..");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (Result<Url> url = Url::parse(text)) {
    Result<Url> again = Url::parse(url->to_string());
    require(again.has_value() && again->to_string() == url->to_string());
    require(again->host == url->host && again->port == url->port && again->target == url->target);
    require(url->target.find_first_of(" \r\n#") == std::string::npos);
  }
  require(percent_decode(percent_encode(text)) == text);
  (void)percent_decode(text, true);
  (void)query_value(text, "a");
  route(text);
  return 0;
}
