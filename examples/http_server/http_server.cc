// SPDX-License-Identifier: Apache-2.0

// An HTTP server with a route parameter, a middleware that gives every request a deadline, and a
// client that asks it. With an argument ("127.0.0.1:8080") it serves there until Ctrl-C.

#include <chrono>
#include <cstdio>
#include <string>

#include "sluice/context/context.h"
#include "sluice/http/client.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/run/run.h"
#include "sluice/sync/group.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

http::Router routes() {
  http::Router router;
  router.use([](http::Handler next) -> http::Handler {
    return [next](http::Request& request, http::ResponseWriter& response) {
      auto [limited, cancel] = with_timeout(request.context(), 1s);
      request.set_context(limited);
      return next(request, response);
    };
  });
  router.get("/hello/{name}", [](http::Request& request, http::ResponseWriter& response) {
    return response.text(200, "hello, " + std::string(request.param("name")) + "\n");
  });
  return router;
}

// Serves on any free port, asks itself once, and stops the server by ending its context.
Result<void> serve_and_ask(Context parent) {
  auto [context, cancel] = with_cancel(parent);
  auto listener = SLUICE_TRY(net::Listener::listen("127.0.0.1:0"));
  const std::string url = "http://" + listener.address().to_string() + "/hello/gopher";
  http::Server server{routes()};
  sync::Group group{context};
  group.go([&](Context context) { return server.serve(context, std::move(listener)); });

  http::Client client;
  auto response = SLUICE_TRY(client.get(context, url));
  const std::string body = SLUICE_TRY(response.read_all());
  std::printf("%d %s", response.status(), body.c_str());
  cancel();
  SLUICE_TRY(group.wait());
  if (body != "hello, gopher\n") return Error(Code::internal, "not the greeting that was expected");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run([&](Context context) -> Result<void> {
    if (argc < 2) return serve_and_ask(context);
    http::Server server{routes()};
    return server.listen_and_serve(context, argv[1]);
  });
}
