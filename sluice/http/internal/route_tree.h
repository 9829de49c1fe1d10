// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/http/handler.h"
#include "sluice/http/request.h"

namespace sluice::http::internal {

// A router's patterns as a tree of path segments. Built once, then read by all goroutines.
struct RouteNode {
  struct Route {
    Method method;
    std::string method_name;
    Handler handler;
  };

  std::vector<std::pair<std::string, std::unique_ptr<RouteNode>>> literals;  // sorted by text
  std::unique_ptr<RouteNode> one;                                            // {name}
  std::unique_ptr<RouteNode> tail;                                           // {name...}
  std::string pattern;  // of the routes that end here
  std::vector<Route> routes;
  // Names of the {} on the way here, in order. The values are bound to them at the end of a match,
  // so that two patterns may call the same segment differently.
  std::vector<std::string> names;

  // The route for the request's method, HEAD falling back to GET; null when there is none.
  const Route* route(const Request& request) const;
  // "GET, HEAD, POST": for the Allow field.
  std::string allowed() const;

  // Registers; a malformed or repeated pattern ends the process.
  void add(std::string_view method, std::string_view pattern, Handler handler);

 private:
  RouteNode& child(std::string_view segment, std::vector<std::string>& names);
};

// The node whose pattern the request's path matches best, its parameters noted in the request; null
// when there is none.
const RouteNode* find_route(const RouteNode& root, Request& request);

// No segment of the request's path is "." or "..", also not escaped, and no escape stands for a
// control character: such paths mean different things to different software.
bool is_plain_path(Request& request);

}  // namespace sluice::http::internal
