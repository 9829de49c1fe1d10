// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/merchant.h"

#include "apps/payments/notify_sdk/signature.h"
#include "apps/payments/simulation/dice.h"
#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/chan/select.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::simulation::fault;
using sluice::simulation::note;

namespace {

constexpr sluice::Duration latest = std::chrono::seconds{20};

notify_sdk::UnixTime unix_now() { return std::chrono::floor<std::chrono::seconds>(sluice::wall()); }

}  // namespace

bool pause(const Context& context, sluice::Duration duration) {
  sluice::select(sluice::on_receive(context.done()), sluice::on_timeout(duration));
  return context.cancelled();
}

Result<void> Merchant::take(const Context& context, const std::string& event_id,
                            const std::string& body, std::string_view signature) {
  if (fault(faults_.refuses)) {
    tally(Tallied::merchant_refused);
    note("the merchant refuses " + event_id);
    return Error{Code::unavailable, "the merchant refuses"};
  }
  if (fault(faults_.is_late)) {
    tally(Tallied::merchant_late);
    note("the merchant is busy, and late with " + event_id);
    if (pause(context, Dice{}.up_to(latest)) && Dice{}.percent(50)) return *context.err();
  }
  must(notify_sdk::verify(secret_, signature, body, unix_now()), "the signature of " + event_id);
  note("the merchant stores " + event_id);
  record_.deliver(event_id, body);
  if (fault(faults_.is_late)) {
    tally(Tallied::merchant_late);
    note("the merchant is late to answer for " + event_id);
    if (pause(context, Dice{}.up_to(latest))) return *context.err();
  }
  if (fault(faults_.gets_no_answer)) {
    tally(Tallied::merchant_silent);
    note("the merchant's answer for " + event_id + " is lost");
    return Error{Code::unavailable, "the merchant's answer is lost"};
  }
  return {};
}

Result<void> Merchant::serve(sluice::http::Request& request,
                             sluice::http::ResponseWriter& response) {
  const std::string body = SLUICE_TRY(request.read_all());
  const std::string event_id{request.header("Sluice-Event-Id")};
  Result<void> taken =
      take(request.context(), event_id, body, request.header(notify_sdk::signature_header));
  if (!taken) return response.text(503, taken.error().to_string());
  return response.text(200, "ok");
}

Shop::Shop(Merchant& merchant) {
  sluice::http::Router router;
  router.post("/hook",
              [&merchant](sluice::http::Request& request, sluice::http::ResponseWriter& response) {
                return merchant.serve(request, response);
              });
  auto listener = must(sluice::net::Listener::listen(merchant_address), "the merchant listens");
  group_.go(
      [router = std::move(router), listener = std::move(listener)](const Context& context) mutable {
        return sluice::http::Server{std::move(router)}.serve(context, std::move(listener));
      });
}

Result<void> Shop::close() {
  group_.cancel();
  return group_.wait();
}

Result<void> DirectEndpoint::deliver(const Context& context, const notify_sdk::Delivery& delivery) {
  const std::string signature =
      notify_sdk::sign(merchant_.secret(), unix_now(), delivery.event.body);
  return merchant_.take(context, delivery.event.id, delivery.event.body, signature);
}

}  // namespace payments_simulation
