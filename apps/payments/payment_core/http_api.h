// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include "apps/payments/payment_core/service.h"
#include "sluice/base/result.h"
#include "sluice/http/router.h"

namespace payment_core {

// The service's HTTP interface, on a router of the caller's:
//
//   POST /v1/payments                 Idempotency-Key required; 201, or 409 for a reused key
//   GET  /v1/payments/{id}
//   POST /v1/payments/{id}/refunds    Idempotency-Key required; partial; an empty body: the rest
//   GET  /v1/accounts/{id}            balances per currency
//   GET  /v1/accounts/{id}/entries    ?limit=1..200 (50) &before=<next_before of the page before>
//   GET  /healthz                     the process answers
//   GET  /readyz                      the database answers, and no drain has begun
//
// A repetition is marked by "Idempotent-Replayed: true". Every error, also of unknown paths, is
// {"error":{"code","message","field"?}}; `field` names what is wrong.
// `service` and `readiness` must outlive the router. `readiness` says why not to send more traffic.
void add_routes(sluice::http::Router& router, Service& service,
                std::function<sluice::Result<void>()> readiness);

}  // namespace payment_core
