// SPDX-License-Identifier: Apache-2.0

// An account behind HTTP, on a thousand bad days, each from a seed. Clients ask again when they get
// no answer, so the service must know what it has done already.

#include <cstdio>
#include <mutex>
#include <set>
#include <string>

#include "sluice/http/client.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/simulated_network.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/group.h"
#include "sluice/sync/mutex.h"

using namespace sluice;
using namespace std::chrono_literals;

struct Account {
  sync::Mutex mutex;
  std::set<std::string> done;
  int balance = 0;

  http::Router routes() {
    http::Router router;
    router.post("/deposits/{id}", [this](http::Request& request, http::ResponseWriter& response) {
      std::lock_guard lock(mutex);
      if (done.insert(std::string(request.param("id"))).second) balance += 10;
      return response.text(200, "done\n");
    });
    return router;
  }
};

void deposit(const http::Client& client, const std::string& id) {
  for (Duration pause = 100ms;; pause *= 2) {
    auto [context, cancel] = with_timeout(Context(), 5s);
    auto response = client.post(context, "http://bank/deposits/" + id, "text/plain", "");
    if (response && response->status() == 200) return;
    sleep_for(pause);
  }
}

void bad_day() {
  net::SimulatedNetwork network{net::NetworkFaults::rough()};
  network.name("bank", "10.0.0.2");
  Account account;
  http::Server server{account.routes()};
  sync::Group bank, clients;
  bank.go([&](Context context) { return server.listen_and_serve(context, "10.0.0.2:80"); });
  http::Client client;
  for (std::string name : {"a", "b", "c"})
    clients.go([&client, name]() -> Result<void> {
      for (int i = 0; i < 3; ++i) deposit(client, name + std::to_string(i));
      return {};
    });
  if (!clients.wait()) simulation::fail("a client failed");
  if (account.balance != 90) simulation::fail("balance " + std::to_string(account.balance));
}

int main() {
  simulation::Report report = simulation::simulate({}, bad_day);
  std::printf("%s", report.to_string().c_str());
  return report.passed() ? 0 : 1;
}
