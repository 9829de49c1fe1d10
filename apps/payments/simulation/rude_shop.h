// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "apps/payments/simulation/merchant.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/net/conn.h"
#include "sluice/sync/group.h"

namespace payments_simulation {

// The merchant's web server as somebody wrote it in an afternoon, while it lives: it knows as much
// of HTTP as our webhooks need, sometimes answers a request twice, and sometimes hangs up in the
// middle of an answer. Of two answers the first one says that the connection ends: on one that does
// not, nobody could tell the second one from the answer to the next request (README of notify_sdk).
class RudeShop {
 public:
  explicit RudeShop(Merchant& merchant);
  // Waits for it. Errors: the listener's.
  sluice::Result<void> close();

 private:
  void serve(const sluice::Context& context, sluice::net::Conn conn);

  Merchant& merchant_;
  sluice::sync::Group group_;
};

}  // namespace payments_simulation
