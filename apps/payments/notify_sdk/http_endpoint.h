// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "apps/payments/notify_sdk/dispatcher.h"
#include "sluice/http/client.h"

namespace notify_sdk {

// A webhook: POSTs the event's body as JSON to a URL, signed with the endpoint's secret
// (signature.h). Any 2xx answer is a delivery; the answer's body is ignored. Headers:
//   Sluice-Signature  see signature.h
//   Sluice-Event-Id   the event's id, the same at every attempt
//   Sluice-Attempt    from 1 up
// Thread-safe.
class HttpEndpoint final : public Endpoint {
 public:
  // Errors: invalid_argument (not an http URL, empty secret).
  static sluice::Result<HttpEndpoint> make(std::string url, std::string secret);

  sluice::Result<void> deliver(const sluice::Context& context, const Delivery& delivery) override;

 private:
  HttpEndpoint(std::string url, std::string secret);

  std::string url_;
  std::string secret_;
  sluice::http::Client client_;
};

}  // namespace notify_sdk
