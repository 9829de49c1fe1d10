// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "sluice/http/request.h"
#include "sluice/http/response_writer.h"

namespace sluice::http::internal {

struct RouteNode;

// What protocols and the router do to a Request behind its handler's back.
struct RequestAccess {
  static RequestHead& head(Request& request) { return request.head_; }

  // Makes the object ready for the next exchange and keeps its memory.
  static void reset(Request& request, Stream* stream) {
    request.stream_ = stream;
    request.context_.reset();
    request.route_ = {};
    request.match_ = nullptr;
    request.params_.clear();
    request.decoded_.clear();
  }

  // What a middleware set lives no longer than the request.
  static void drop_context(Request& request) { request.context_.reset(); }

  static void set_route(Request& request, std::string_view pattern) { request.route_ = pattern; }
  static void add_param(Request& request, std::string_view name, std::string_view value) {
    request.params_.push_back({name, value});
  }
  static void name_params(Request& request, const std::vector<std::string>& names) {
    for (size_t i = 0; i < request.params_.size(); ++i) request.params_[i].name = names[i];
  }
  static void set_match(Request& request, const RouteNode* match) { request.match_ = match; }
  static const RouteNode* match(const Request& request) { return request.match_; }
  static size_t params(const Request& request) { return request.params_.size(); }
  static void drop_params(Request& request, size_t keep) { request.params_.resize(keep); }
  static Arena& arena(Request& request) { return request.decoded_; }
};

// The same for a ResponseWriter.
struct ResponseAccess {
  static void reset(ResponseWriter& response, Stream* stream, Method method) {
    response.reset(stream, method);
  }
  static Result<void> finish(ResponseWriter& response) { return response.finish(); }
};

}  // namespace sluice::http::internal
