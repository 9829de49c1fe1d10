// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <utility>

#include "apps/payments/payment_core/http_api.h"
#include "apps/payments/payment_core/service_fixture.h"
#include "sluice/http/client.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/sync/group.h"

namespace payment_core {

struct Reply {
  int status = 0;
  std::string body;
  std::string replayed;
};

// For tests: a service behind a server on a free port of the loopback.
class Served {
 public:
  explicit Served(risk_engine::Assessor* assessor = nullptr) : test(assessor) {
    sluice::http::Router router;
    add_routes(router, test.service, [this]() -> sluice::Result<void> {
      if (draining) return sluice::Error{sluice::Code::unavailable, "draining"};
      return {};
    });
    server_.emplace(std::move(router));
    auto listener = sluice::net::Listener::listen("127.0.0.1:0").value();
    url_ = "http://" + listener.address().to_string();
    group_.go([this, listener = std::move(listener)](sluice::Context context) mutable {
      return server_->serve(context, std::move(listener));
    });
  }

  Reply send(sluice::http::ClientRequest request) {
    request.url = url_ + request.url;
    sluice::http::ClientResponse response =
        client_.send(sluice::Context::background(), request).value();
    Reply reply{.status = response.status(),
                .replayed = std::string{response.header("Idempotent-Replayed")}};
    reply.body = response.read_all().value();
    return reply;
  }
  Reply get(const std::string& path) { return send({.method = "GET", .url = path}); }
  Reply post(const std::string& path, const char* key, std::string body) {
    sluice::http::ClientRequest request{.method = "POST", .url = path, .body = std::move(body)};
    if (key != nullptr) request.headers.set("Idempotency-Key", key);
    return send(std::move(request));
  }

  const std::string& url() const { return url_; }

  TestService test;
  bool draining = false;

 private:
  std::string url_;
  sluice::http::Client client_;
  std::optional<sluice::http::Server> server_;
  sluice::sync::Group group_;  // ends the server first of all
};

}  // namespace payment_core
