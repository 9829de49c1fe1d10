// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/payments/cmd/platform.h"
#include "apps/payments/notify_sdk/dispatcher.h"
#include "apps/payments/risk_engine/assessor.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/sync/group.h"

namespace payments_simulation {

// Where a process of the service stands, and what it talks to.
struct Site {
  std::string ledger;  // on the simulated disk
  std::string listen;  // empty: it is called directly
  risk_engine::Assessor& assessor;
  notify_sdk::Endpoint& endpoint;
  // A bug to be found: stands in the endpoint's place.
  std::function<sluice::Result<void>(payments_cmd::Platform&, notify_sdk::Endpoint&,
                                     const sluice::Context&, const notify_sdk::Delivery&)>
      deliver;
};

// The service, as `payments serve` runs it.
class Process {
 public:
  // Errors: as serve(): the ledger's, the listener's.
  static sluice::Result<std::shared_ptr<Process>> start(const Site& site);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  payments_cmd::Platform& platform() { return *platform_; }

  // From now on nobody hears of it and it hears of nobody; its goroutines come to their ends. To
  // be called together with SimulatedDisk::kill().
  void die();
  bool is_dead() const { return wire_.is_cut; }

  // As SIGTERM does. Errors: serve()'s. Waits for the goroutines of a dead one, too.
  sluice::Result<void> stop();

 private:
  struct Wire final : notify_sdk::Endpoint {
    explicit Wire(const Site& site) : site(site) {}
    sluice::Result<void> deliver(const sluice::Context& context,
                                 const notify_sdk::Delivery& delivery) override;

    const Site& site;
    payments_cmd::Platform* platform = nullptr;
    bool is_cut = false;
  };

  explicit Process(const Site& site) : wire_(site) {}

  Wire wire_;
  std::optional<payments_cmd::Platform> platform_;
  sluice::sync::Group group_;  // ends first
};

}  // namespace payments_simulation
