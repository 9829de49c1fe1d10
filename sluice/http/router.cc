// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/router.h"

#include <string>
#include <utility>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/route_tree.h"

namespace sluice::http {
namespace {

using internal::RequestAccess;
using internal::RouteNode;

// What a router does with a request once its middlewares let it through.
Result<void> answer(Request& request, ResponseWriter& response) {
  const RouteNode* node = RequestAccess::match(request);
  if (node == nullptr) {
    if (request.target() == "*") {  // RFC 9110 9.3.7: OPTIONS for the server as a whole
      response.set_status(204);
      return {};
    }
    if (!internal::is_plain_path(request)) return response.text(400, "bad path\n");
    return response.text(404, "not found\n");
  }
  if (const RouteNode::Route* route = node->route(request))
    return route->handler(request, response);
  response.headers().set("Allow", node->allowed());
  if (request.method() != Method::options) return response.text(405, "method not allowed\n");
  response.set_status(204);
  return {};
}

}  // namespace

Router::Router() : root_(std::make_unique<RouteNode>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Router& Router::handle(std::string_view method, std::string_view pattern, Handler handler) {
  root_->add(method, pattern, std::move(handler));
  return *this;
}

Router& Router::get(std::string_view pattern, Handler handler) {
  return handle("GET", pattern, std::move(handler));
}
Router& Router::post(std::string_view pattern, Handler handler) {
  return handle("POST", pattern, std::move(handler));
}
Router& Router::put(std::string_view pattern, Handler handler) {
  return handle("PUT", pattern, std::move(handler));
}
Router& Router::patch(std::string_view pattern, Handler handler) {
  return handle("PATCH", pattern, std::move(handler));
}
Router& Router::del(std::string_view pattern, Handler handler) {
  return handle("DELETE", pattern, std::move(handler));
}

Router& Router::use(Middleware middleware) {
  middlewares_.push_back(std::move(middleware));
  wrapped_ = Handler(answer);
  for (auto at = middlewares_.rbegin(); at != middlewares_.rend(); ++at)
    wrapped_ = (*at)(std::move(wrapped_));
  return *this;
}

Result<void> Router::operator()(Request& request, ResponseWriter& response) const {
  const RouteNode* node =
      internal::is_plain_path(request) ? internal::find_route(*root_, request) : nullptr;
  RequestAccess::set_match(request, node);
  return wrapped_ ? wrapped_(request, response) : answer(request, response);
}

}  // namespace sluice::http
