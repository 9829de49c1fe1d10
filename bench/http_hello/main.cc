// SPDX-License-Identifier: Apache-2.0

// http_hello PORT: answers "Hello, World!" at / on the loopback, for load generators.

#include <cstdio>
#include <string>
#include <utility>

#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/run/run.h"

using namespace sluice;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 2;
  }
  std::string address = std::string("127.0.0.1:") + argv[1];
  return run([address](Context context) -> Result<void> {
    http::Router router;
    router.get("/", [](http::Request&, http::ResponseWriter& response) {
      return response.text(200, "Hello, World!");
    });
    http::Server server{std::move(router)};
    net::Listener listener = SLUICE_TRY(net::Listener::listen(address));
    std::printf("listening on %s\n", listener.address().to_string().c_str());
    std::fflush(stdout);
    return server.serve(std::move(context), std::move(listener));
  });
}
