// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/http/client.h"

namespace payments_cmd {

// An answer of the service, as it came.
struct ApiReply {
  int status = 0;
  std::string body;
  bool replayed = false;

  // The text of the error in the body, or the body itself.
  std::string error_text() const;
};

// Whether `url` can be the base URL of a service: http, a host, no query.
// Errors: invalid_argument.
sluice::Result<void> check_base_url(const std::string& url);

// Talks to a payments service. Repeats what failed without an answer and what the service could not
// do now (5xx, 408, 429), with growing pauses, until `patience` is over: keys make that safe.
// Thread-safe.
class ApiClient {
 public:
  // `base_url` has passed check_base_url(); a slash at its end does not matter.
  ApiClient(std::string base_url, sluice::Duration patience, size_t connections);

  // Waits until a payments service is ready at the URL, and says on standard error that it waits.
  // Errors: the last failure when patience is over; failed_precondition (something else answers);
  // the context's.
  sluice::Result<void> check_service(const sluice::Context& context);

  // Errors: the last failure when patience is over; the context's.
  sluice::Result<ApiReply> post(const sluice::Context& context, std::string_view path,
                                std::string_view key, std::string body);
  sluice::Result<ApiReply> get(const sluice::Context& context, std::string_view path);

  // Requests that were sent again.
  int64_t retries() const { return retries_.load(std::memory_order_relaxed); }

 private:
  sluice::Result<ApiReply> send(const sluice::Context& context,
                                const sluice::http::ClientRequest& request);
  sluice::Result<ApiReply> try_once(const sluice::Context& context,
                                    const sluice::http::ClientRequest& request);

  std::string base_url_;
  const sluice::Duration patience_;
  sluice::http::Client client_;
  std::atomic<int64_t> retries_{0};
};

}  // namespace payments_cmd
