// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sluice/http/handler.h"

namespace sluice::http {

namespace internal {
struct RouteNode;
}

// Chooses a handler by method and path. A path pattern is made of segments: literal ones, `{name}`
// for one non-empty segment, and as the last one `{name...}` for the whole rest.
//
//   Router router;
//   router.get("/v1/payments/{id}", [](Request& request, ResponseWriter& response) { ... });
//
// A literal beats {name}, which beats {name...}, among the patterns that know the method; the order
// of registration does not matter. HEAD is answered by GET's handler, OPTIONS by the list of
// methods, an unknown path by 404, an unknown method by 405 with Allow, a path with dot segments by
// 400. Registering a malformed or an already registered pattern is a bug and ends the process.
//
// A Router is itself a callable handler: `Server server{std::move(router)}`. Register everything
// first; from then on it is immutable and shared.
class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // `method` is the name, "GET"; `pattern` starts with "/".
  Router& handle(std::string_view method, std::string_view pattern, Handler handler);

  Router& get(std::string_view pattern, Handler handler);
  Router& post(std::string_view pattern, Handler handler);
  Router& put(std::string_view pattern, Handler handler);
  Router& patch(std::string_view pattern, Handler handler);
  Router& del(std::string_view pattern, Handler handler);

  // Wraps every request to this router, also those that no pattern matches; the first one added is
  // the outermost. Request::route() is known inside.
  Router& use(Middleware middleware);

  Result<void> operator()(Request& request, ResponseWriter& response) const;

 private:
  std::unique_ptr<internal::RouteNode> root_;
  std::vector<Middleware> middlewares_;
  Handler wrapped_;  // the middlewares around the chosen route's call; null without any
};

}  // namespace sluice::http
