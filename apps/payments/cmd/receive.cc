// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/receive.h"

#include <errno.h>
#include <stdio.h>

#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "apps/payments/notify_sdk/signature.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/json/value.h"
#include "sluice/json/writer.h"
#include "sluice/net/listener.h"

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::http::Request;
using sluice::http::ResponseWriter;
using sluice::json::Value;

class Receiver {
 public:
  explicit Receiver(const ReceiveOptions& options) : options_(options), random_(options.seed) {}

  Result<void> open() {
    if (options_.record.empty()) return {};
    std::ifstream earlier{options_.record};
    for (std::string line; std::getline(earlier, line);)
      seen_.insert(line.substr(0, line.find(' ')));
    out_.open(options_.record, std::ios::app);
    if (!out_) return sluice::errno_error(errno, "write " + options_.record);
    return {};
  }

  Result<void> take(Request& request, ResponseWriter& response) {
    const std::string body = SLUICE_TRY(request.read_all());
    const auto now = std::chrono::floor<std::chrono::seconds>(sluice::wall());
    Result<void> verified = notify_sdk::verify(
        options_.secret, request.header(notify_sdk::signature_header), body, now);
    if (!verified) {
      std::lock_guard guard{mutex_};
      ++refused_;
      return response.text(401, std::string{verified.error().message()} + "\n");
    }
    const Value event = SLUICE_TRY(sluice::json::parse(body));
    return note(std::string{SLUICE_TRY(event.get_string("id"))},
                std::string{SLUICE_TRY(event.get_string("type"))},
                payment_of(SLUICE_TRY(event.get_object("data"))), response);
  }

  Result<void> tell_stats(ResponseWriter& response) {
    std::string out;
    {
      std::lock_guard guard{mutex_};
      sluice::json::Writer{out}
          .begin_object()
          .field("events", seen_.size())
          .field("duplicates", duplicates_)
          .field("refused", refused_)
          .field("failed", failed_)
          .end_object();
    }
    return response.json(200, out);
  }

 private:
  // A refund names its payment; a payment is one.
  static std::string payment_of(const Value& data) {
    Result<std::string_view> id = data.get_string("payment_id");
    if (!id) id = data.get_string("id");
    return std::string{id ? *id : "?"};
  }

  Result<void> note(const std::string& id, const std::string& type, const std::string& payment,
                    ResponseWriter& response) {
    std::lock_guard guard{mutex_};
    if (static_cast<int>(random_() % 100) < options_.fail_percent) {
      ++failed_;
      return response.text(503, "planted failure\n");
    }
    if (!seen_.insert(id).second) {
      ++duplicates_;
      return response.text(200, "seen before\n");
    }
    if (out_.is_open()) {
      out_ << id << ' ' << type << ' ' << payment << '\n';
      out_.flush();
    }
    if (!out_) {  // not noted, so not taken: it comes again
      out_.clear();
      seen_.erase(id);
      ++failed_;
      return response.text(500, "the event could not be noted\n");
    }
    return response.text(200, "ok\n");
  }

  const ReceiveOptions& options_;
  std::mutex mutex_;  // held for a map operation and a line of output; guards all below
  std::mt19937_64 random_;
  std::unordered_set<std::string> seen_;
  std::ofstream out_;
  int64_t duplicates_ = 0;
  int64_t refused_ = 0;
  int64_t failed_ = 0;
};

}  // namespace

Result<int> receive(const Context& context, const ReceiveOptions& options) {
  Receiver receiver{options};
  SLUICE_TRY(receiver.open());
  sluice::http::Router router;
  router.post("/", [&receiver](Request& request, ResponseWriter& response) {
    return receiver.take(request, response);
  });
  router.get("/stats", [&receiver](Request&, ResponseWriter& response) {
    return receiver.tell_stats(response);
  });
  auto listener = SLUICE_TRY(sluice::net::Listener::listen(options.listen));
  printf("payments: receiving on http://%s\n", listener.address().to_string().c_str());
  fflush(stdout);
  sluice::http::Server server{std::move(router)};
  SLUICE_TRY(server.serve(context, std::move(listener)));
  return 0;
}

}  // namespace payments_cmd
