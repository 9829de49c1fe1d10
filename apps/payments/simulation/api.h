// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "apps/payments/simulation/process.h"
#include "apps/payments/simulation/record.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/http/client.h"

namespace payments_simulation {

// How clients reach the service.
class Api {
 public:
  virtual ~Api() = default;

  // Errors, and replies of 500 or more: it is not known whether it was done.
  virtual sluice::Result<Reply> send(const sluice::Context& context, const std::string& key,
                                     const Command& command) = 0;
  virtual sluice::Result<Reply> payment(const sluice::Context& context, const std::string& id) = 0;
};

// Calls the service's methods. What a dead process answers does not arrive.
class DirectApi final : public Api {
 public:
  using Execute = std::function<sluice::Result<payment_core::Answer>(
      payments_cmd::Platform&, const sluice::Context&, const std::string&, const Command&)>;

  // `process` is null while there is none. `execute`: a bug to be found, in the service's place.
  DirectApi(const std::shared_ptr<Process>& process, Execute execute)
      : process_(process), execute_(std::move(execute)) {}

  sluice::Result<Reply> send(const sluice::Context& context, const std::string& key,
                             const Command& command) override;
  sluice::Result<Reply> payment(const sluice::Context& context, const std::string& id) override;

 private:
  const std::shared_ptr<Process>& process_;
  const Execute execute_;
};

// HTTP, over the simulated network.
class HttpApi final : public Api {
 public:
  explicit HttpApi(std::string url) : url_(std::move(url)) {}

  sluice::Result<Reply> send(const sluice::Context& context, const std::string& key,
                             const Command& command) override;
  sluice::Result<Reply> payment(const sluice::Context& context, const std::string& id) override;

 private:
  sluice::Result<Reply> exchange(const sluice::Context& context,
                                 const sluice::http::ClientRequest& request);

  const std::string url_;
  sluice::http::Client client_;
};

// What the service does with a command.
sluice::Result<payment_core::Answer> execute(payment_core::Service& service,
                                             const sluice::Context& context, const std::string& key,
                                             const Command& command);

}  // namespace payments_simulation
