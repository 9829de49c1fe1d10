// SPDX-License-Identifier: Apache-2.0

// Answers every HTTP/1.1 request with 13 bytes of text: http_hello PROCESSORS PORT

#include <cstdlib>
#include <string>

#include "sluice/http/server.h"
#include "sluice/run/run.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::string address = std::string("127.0.0.1:") + argv[2];
  return sluice::run({.max_procs = std::atoi(argv[1])}, [&](sluice::Context context) {
    sluice::http::Server server{[](sluice::http::Request&, sluice::http::ResponseWriter& response) {
      return response.text(200, "Hello, World!");
    }};
    return server.listen_and_serve(context, address);
  });
}
