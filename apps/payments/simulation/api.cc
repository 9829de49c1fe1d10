// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/api.h"

#include <variant>

#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/payment_json.h"
#include "sluice/sqlite/failure.h"

namespace payments_simulation {

using payment_core::Answer;
using payment_core::CreatePayment;
using payment_core::CreateRefund;
using payment_core::to_json;
using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;

namespace {

Error no_answer() { return Error{Code::unavailable, "no process answers"}; }

}  // namespace

Result<Answer> execute(payment_core::Service& service, const Context& context,
                       const std::string& key, const Command& command) {
  if (const auto* payment = std::get_if<CreatePayment>(&command.request))
    return service.create_payment(context, key, *payment);
  return service.refund(context, key, std::get<CreateRefund>(command.request));
}

Result<Reply> DirectApi::send(const Context& context, const std::string& key,
                              const Command& command) {
  const std::shared_ptr<Process> process = process_;
  if (process == nullptr) return no_answer();
  payments_cmd::Platform& platform = process->platform();
  Result<Answer> answer = execute_ ? execute_(platform, context, key, command)
                                   : execute(platform.service(), context, key, command);
  if (process->is_dead()) return no_answer();
  if (answer)
    return Reply{
        .status = answer->status, .body = std::move(answer->body), .replayed = answer->replayed};
  if (answer.error().code() == Code::already_exists &&
      sluice::as<payment_core::Field>(answer.error()) != nullptr)
    return Reply{.status = 409, .body = to_json(answer.error())};
  return answer.error();
}

Result<Reply> DirectApi::payment(const Context& context, const std::string& id) {
  const std::shared_ptr<Process> process = process_;
  if (process == nullptr) return no_answer();
  Result<payment_core::Payment> payment = process->platform().service().payment(context, id);
  if (process->is_dead()) return no_answer();
  if (payment) return Reply{.status = 200, .body = to_json(*payment)};
  if (payment.error().code() == Code::not_found)
    return Reply{.status = 404, .body = to_json(payment.error())};
  return payment.error();
}

Result<Reply> HttpApi::send(const Context& context, const std::string& key,
                            const Command& command) {
  sluice::http::ClientRequest request{.method = "POST", .url = url_ + "/v1/payments"};
  if (const auto* payment = std::get_if<CreatePayment>(&command.request)) {
    request.body = to_json(*payment);
  } else {
    const auto& refund = std::get<CreateRefund>(command.request);
    request.url += '/' + refund.payment_id + "/refunds";
    request.body = to_json(refund);
  }
  request.headers.set("Idempotency-Key", key);
  request.headers.set("Content-Type", "application/json");
  return exchange(context, request);
}

Result<Reply> HttpApi::payment(const Context& context, const std::string& id) {
  return exchange(context, {.method = "GET", .url = url_ + "/v1/payments/" + id});
}

Result<Reply> HttpApi::exchange(const Context& context,
                                const sluice::http::ClientRequest& request) {
  sluice::http::ClientResponse response = SLUICE_TRY(client_.send(context, request));
  Reply reply{.status = response.status(),
              .replayed = response.header("Idempotent-Replayed") == "true"};
  reply.body = SLUICE_TRY(response.read_all());
  return reply;
}

}  // namespace payments_simulation
