// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "bench/memory/server_process.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/run/run.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/metrics.h"

namespace bench_memory {

namespace {

using namespace sluice;

// A service whose requests hold memory while they wait for somebody else.
Result<void> work(const Options& options, http::ResponseWriter& response) {
  std::string answer(options.request_kib << 10, 'x');
  sleep_for(options.hold);
  return response.text(200, std::string_view(answer).substr(0, 4));
}

Result<void> serve_until_input_ends(Context context, const Options& options) {
  http::Router router;
  router.get("/hold", [&](http::Request&, http::ResponseWriter& response) {
    return work(options, response);
  });
  router.get("/metrics", [](http::Request&, http::ResponseWriter& response) {
    return response.reply(200, "text/plain; version=0.0.4", to_prometheus_text(runtime_metrics()));
  });
  http::Server server{std::move(router)};
  net::Listener listener = SLUICE_TRY(net::Listener::listen("127.0.0.1:0"));
  std::printf("%s\n", listener.address().to_string().c_str());
  std::fflush(stdout);
  auto [serving, stop] = with_cancel(context);
  go([stop = std::move(stop)] {
    blocking([] {
      char end;
      while (::read(STDIN_FILENO, &end, 1) > 0) continue;
    });
    stop();
  });
  return server.serve(serving, std::move(listener));
}

}  // namespace

int serve(const Options& options) {
  return run([&](Context context) { return serve_until_input_ends(context, options); });
}

}  // namespace bench_memory
