// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/load.h"

#include <errno.h>
#include <stdio.h>

#include <array>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include "apps/payments/cmd/api_client.h"
#include "apps/payments/cmd/latency.h"
#include "apps/payments/cmd/progress.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/request.h"
#include "sluice/json/value.h"
#include "sluice/sync/wait_group.h"

namespace payments_cmd {
namespace {

using payment_core::CreatePayment;
using payment_core::CreateRefund;
using payment_core::Currency;
using payment_core::Money;
using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::json::Value;

enum Kind { create, refund, read, repeat, kinds };
constexpr std::array<const char*, kinds> kind_names{"create", "refund", "read", "repeat"};

// How many of its latest payments a worker refunds, reads and repeats.
constexpr size_t recent_max = 64;
constexpr size_t problems_shown_max = 10;

struct Paid {
  std::string key;
  std::string id;
  CreatePayment request;
  std::string answer;
  int64_t refunded = 0;
  bool captured = false;
};

// What all workers share.
class Journal {
 public:
  explicit Journal(const std::string& acknowledged_file) {
    if (!acknowledged_file.empty()) out_.open(acknowledged_file, std::ios::app);
  }

  // Whether a file was asked for and could not be opened.
  bool is_broken(const std::string& file) const { return !file.empty() && !out_.is_open(); }

  // A payment or a refund, as the service has confirmed it.
  void acknowledge(const std::string& key, std::string_view id, Money amount) {
    if (!out_.is_open()) return;
    std::lock_guard guard{mutex_};
    out_ << key << ' ' << id << ' ' << amount.minor() << ' ' << amount.currency().code() << '\n';
    out_.flush();
    // A payment that is not noted would not be missed by `verify`.
    if (!out_ && !std::exchange(told_, true)) {
      ++problems_;
      fprintf(stderr, "load: the file of acknowledged payments cannot be written\n");
    }
  }

  void problem(const std::string& text) {
    std::lock_guard guard{mutex_};
    if (++problems_ <= problems_shown_max) fprintf(stderr, "load: %s\n", text.c_str());
  }
  size_t problems() {
    std::lock_guard guard{mutex_};
    return problems_;
  }

 private:
  std::mutex mutex_;  // held for a line of output
  std::ofstream out_;
  size_t problems_ = 0;
  bool told_ = false;  // that out_ has failed
};

class Worker {
 public:
  Worker(const LoadOptions& options, ApiClient& client, Journal& journal, std::string name,
         uint64_t seed)
      : options_(options),
        client_(client),
        journal_(journal),
        name_(std::move(name)),
        random_(seed) {}

  void run(const Context& context, sluice::Instant end) {
    while (sluice::now() < end && !context.cancelled()) {
      const Kind kind = choose();
      const sluice::Instant start = sluice::now();
      Result<void> done = step(context, kind);
      if (done)
        latencies_[kind].record(sluice::now() - start);
      else if (!context.cancelled())
        journal_.problem(std::string{kind_names[kind]} + ": " + done.error().to_string());
    }
  }

  const LatencyHistogram& latencies(Kind kind) const { return latencies_[kind]; }

 private:
  Kind choose() {
    const uint64_t draw = random_() % 100;
    if (recent_.empty() || draw < 80) return create;
    if (draw < 88) return refund;
    return draw < 96 ? read : repeat;
  }

  Result<void> step(const Context& context, Kind kind) {
    if (kind == create) return send_payment(context);
    Paid& paid = recent_[random_() % recent_.size()];
    if (kind == refund) return send_refund(context, paid);
    return kind == read ? read_back(context, paid) : send_again(context, paid);
  }

  Result<void> send_payment(const Context& context) {
    Paid paid{.key = name_ + "-" + std::to_string(++sent_), .request = random_payment()};
    const ApiReply reply = SLUICE_TRY(
        client_.post(context, "/v1/payments", paid.key, payment_core::to_json(paid.request)));
    if (reply.status != 201) return unexpected(reply);
    const Value body = SLUICE_TRY(sluice::json::parse(reply.body));
    SLUICE_TRY(check_payment(body, paid.request));
    paid.id = std::string{SLUICE_TRY(body.get_string("id"))};
    paid.captured = SLUICE_TRY(body.get_string("status")) == "captured";
    paid.answer = reply.body;
    journal_.acknowledge(paid.key, paid.id, paid.request.amount);
    if (recent_.size() < recent_max)
      recent_.push_back(std::move(paid));
    else
      recent_[random_() % recent_max] = std::move(paid);
    return {};
  }

  // Sometimes more than is left: the service must refuse exactly then.
  Result<void> send_refund(const Context& context, Paid& paid) {
    const int64_t amount = paid.request.amount.minor();
    const auto part = static_cast<int64_t>(1 + random_() % static_cast<uint64_t>(amount));
    const std::string key = name_ + "-r" + std::to_string(++sent_);
    const ApiReply reply =
        SLUICE_TRY(client_.post(context, "/v1/payments/" + paid.id + "/refunds", key,
                                payment_core::to_json(CreateRefund{.amount_minor = part})));
    const bool fits = paid.captured && paid.refunded + part <= amount;
    if (reply.status != (fits ? 201 : 400)) return unexpected(reply);
    if (!fits) return {};
    paid.refunded += part;
    const Value body = SLUICE_TRY(sluice::json::parse(reply.body));
    journal_.acknowledge(key, SLUICE_TRY(body.get_string("id")),
                         Money{part, paid.request.amount.currency()});
    return {};
  }

  Result<void> read_back(const Context& context, const Paid& paid) {
    const ApiReply reply = SLUICE_TRY(client_.get(context, "/v1/payments/" + paid.id));
    if (reply.status != 200) return unexpected(reply);
    const Value body = SLUICE_TRY(sluice::json::parse(reply.body));
    SLUICE_TRY(check_payment(body, paid.request));
    if (SLUICE_TRY(body.get_int64("refunded")) != paid.refunded)
      return Error{Code::data_loss, paid.id + ": another refunded amount than acknowledged"};
    return {};
  }

  Result<void> send_again(const Context& context, const Paid& paid) {
    const ApiReply reply = SLUICE_TRY(
        client_.post(context, "/v1/payments", paid.key, payment_core::to_json(paid.request)));
    if (reply.status != 201 || !reply.replayed) return unexpected(reply);
    if (reply.body != paid.answer)
      return Error{Code::data_loss, paid.key + ": the repetition got another answer"};
    return {};
  }

  CreatePayment random_payment() {
    static constexpr std::array<const char*, 5> currencies{"EUR", "USD", "GBP", "JPY", "BHD"};
    const auto accounts = static_cast<uint64_t>(options_.accounts);
    const Currency currency = Currency::parse(currencies[random_() % currencies.size()]).value();
    return {.payer = "customer-" + std::to_string(random_() % accounts),
            .payee = "merchant-" + std::to_string(random_() % (1 + accounts / 20)),
            .amount = Money{static_cast<int64_t>(1 + random_() % 50'000), currency},
            .country = "DE",
            .reference = "load"};
  }

  static Result<void> check_payment(const Value& body, const CreatePayment& request) {
    if (SLUICE_TRY(body.get_int64("amount")) == request.amount.minor() &&
        SLUICE_TRY(body.get_string("currency")) == request.amount.currency().code() &&
        SLUICE_TRY(body.get_string("payer")) == request.payer &&
        SLUICE_TRY(body.get_string("payee")) == request.payee)
      return {};
    return Error{Code::data_loss, "the answer tells of another payment"};
  }

  static Error unexpected(const ApiReply& reply) {
    return Error{Code::unknown,
                 "unexpected answer " + std::to_string(reply.status) + ": " + reply.error_text()};
  }

  const LoadOptions& options_;
  ApiClient& client_;
  Journal& journal_;
  const std::string name_;
  std::mt19937_64 random_;
  int64_t sent_ = 0;
  std::vector<Paid> recent_;
  std::array<LatencyHistogram, kinds> latencies_;
};

double milliseconds(sluice::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void print_row(const char* name, const LatencyHistogram& latencies, double seconds) {
  printf(
      "%-8s %10s %10s/s %9.2f %9.2f %9.2f ms\n", name,
      with_commas(static_cast<int64_t>(latencies.count())).c_str(),
      with_commas(static_cast<int64_t>(static_cast<double>(latencies.count()) / seconds)).c_str(),
      milliseconds(latencies.quantile(0.5)), milliseconds(latencies.quantile(0.9)),
      milliseconds(latencies.quantile(0.99)));
}

void print_table(const std::vector<std::unique_ptr<Worker>>& workers, double seconds) {
  printf("%-8s %10s %12s %9s %9s %9s\n", "", "requests", "throughput", "p50", "p90", "p99");
  auto all = std::make_unique<LatencyHistogram>();
  for (int kind = 0; kind < kinds; ++kind) {
    auto merged = std::make_unique<LatencyHistogram>();
    for (const auto& worker : workers) merged->merge(worker->latencies(static_cast<Kind>(kind)));
    print_row(kind_names[static_cast<size_t>(kind)], *merged, seconds);
    all->merge(*merged);
  }
  print_row("all", *all, seconds);
}

}  // namespace

Result<int> run_load(const Context& context, const LoadOptions& options) {
  SLUICE_TRY(check_base_url(options.url));
  ApiClient client{options.url, options.patience, static_cast<size_t>(options.goroutines)};
  SLUICE_TRY(client.check_service(context));
  Journal journal{options.acknowledged_file};
  if (journal.is_broken(options.acknowledged_file))
    return sluice::errno_error(errno, "write " + options.acknowledged_file);
  // New keys in each run: the seed decides what is sent, not whether it was sent before.
  const std::string run = payment_core::make_id("load-");
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.goroutines; ++i)
    workers.push_back(
        std::make_unique<Worker>(options, client, journal, run + "-" + std::to_string(i),
                                 options.seed * 1'000'003 + static_cast<uint64_t>(i)));
  const sluice::Instant start = sluice::now();
  sluice::sync::WaitGroup running;
  for (const auto& worker : workers)
    running.go([&, worker = worker.get()] { worker->run(context, start + options.duration); });
  running.wait();
  const std::chrono::duration<double> elapsed = sluice::now() - start;
  print_table(workers, elapsed.count());
  printf("%s requests were sent again, %s answers were wrong or missing\n",
         with_commas(client.retries()).c_str(),
         with_commas(static_cast<int64_t>(journal.problems())).c_str());
  fflush(stdout);
  return journal.problems() == 0 ? 0 : 1;
}

}  // namespace payments_cmd
