// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/payments/notify_sdk/dispatcher.h"
#include "apps/payments/simulation/record.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/http/handler.h"
#include "sluice/sync/group.h"

namespace payments_simulation {

// How often the merchant misbehaves, in a million webhooks.
struct MerchantFaults {
  uint32_t refuses = 0;         // answers 503 and has not stored it
  uint32_t is_late = 0;         // up to 20 s, before or after storing it
  uint32_t gets_no_answer = 0;  // stores it, and its answer is lost
  // Of a rude shop only:
  uint32_t answers_twice = 0;
  uint32_t hangs_up = 0;  // in the middle of the answer
};

// Who receives webhooks, as a customer would write it: checks the signature, stores the event,
// answers.
class Merchant {
 public:
  Merchant(Record& record, std::string secret) : record_(record), secret_(std::move(secret)) {}

  void set_faults(const MerchantFaults& faults) { faults_ = faults; }
  const MerchantFaults& faults() const { return faults_; }
  const std::string& secret() const { return secret_; }

  // Errors: it is not to be taken for delivered.
  sluice::Result<void> take(const sluice::Context& context, const std::string& event_id,
                            const std::string& body, std::string_view signature);

  // The same over HTTP.
  sluice::Result<void> serve(sluice::http::Request& request,
                             sluice::http::ResponseWriter& response);

 private:
  Record& record_;
  const std::string secret_;
  MerchantFaults faults_;
};

// Where the merchant is, on the simulated network.
inline constexpr const char* merchant_name = "merchant.example";
inline constexpr const char* merchant_ip = "10.0.0.3";
inline constexpr const char* merchant_address = "10.0.0.3:9000";
inline constexpr const char* merchant_url = "http://merchant.example:9000/hook";
inline constexpr const char* webhook_secret = "whsec_simulated";

// The merchant's web server, while it lives.
class Shop {
 public:
  explicit Shop(Merchant& merchant);
  // Waits for it. Errors: the server's.
  sluice::Result<void> close();

 private:
  sluice::sync::Group group_;
};

// The merchant without a network: what HttpEndpoint and a server do is done here.
class DirectEndpoint final : public notify_sdk::Endpoint {
 public:
  explicit DirectEndpoint(Merchant& merchant) : merchant_(merchant) {}

  sluice::Result<void> deliver(const sluice::Context& context,
                               const notify_sdk::Delivery& delivery) override;

 private:
  Merchant& merchant_;
};

// True if `context` ended before that.
bool pause(const sluice::Context& context, sluice::Duration duration);

}  // namespace payments_simulation
