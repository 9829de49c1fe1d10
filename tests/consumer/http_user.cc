// SPDX-License-Identifier: Apache-2.0

// Links sluice::http from an install: one route, one request to it.

#include <cstdio>
#include <string>

#include "sluice/http/client.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

using sluice::Context;
using sluice::Result;

static Result<std::string> ask_own_server() {
  auto [context, cancel] = sluice::with_cancel(Context::background());
  auto listener = SLUICE_TRY(sluice::net::Listener::listen("127.0.0.1:0"));
  const std::string url = "http://" + listener.address().to_string() + "/";
  sluice::http::Router router;
  router.get("/", [](auto&, auto& response) { return response.text(200, "here"); });
  sluice::http::Server server{std::move(router)};
  sluice::Channel<Result<void>> served;
  sluice::go([&server, served, context, listener = std::move(listener)]() mutable {
    served.send(server.serve(context, std::move(listener)));
  });
  auto response = SLUICE_TRY(sluice::http::Client().get(context, url));
  std::string body = SLUICE_TRY(response.read_all());
  cancel();
  SLUICE_TRY(*served.receive());
  return body;
}

int main() {
  sluice::Runtime runtime;
  const Result<std::string> body = runtime.block_on(ask_own_server);
  std::printf("%s\n", body ? body->c_str() : body.error().to_string().c_str());
  return body && *body == "here" ? 0 : 1;
}
