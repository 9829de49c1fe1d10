// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/import.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "apps/payments/cmd/api_client.h"
#include "apps/payments/cmd/csv.h"
#include "apps/payments/cmd/import_row.h"
#include "apps/payments/cmd/progress.h"
#include "sluice/chan/select.h"
#include "sluice/json/value.h"
#include "sluice/runtime/go.h"
#include "sluice/sync/group.h"

namespace payments_cmd {
namespace {

using sluice::Channel;
using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;

constexpr sluice::Duration patience = std::chrono::seconds{30};
constexpr size_t lane_capacity = 16;

struct Job {
  int64_t line = 0;
  std::string text;
  ImportRow row;
};

struct Reject {
  int64_t line = 0;
  std::string reason;
  std::string text;
};

struct Totals {
  std::atomic<int64_t> payments{0};
  std::atomic<int64_t> declined{0};
  std::atomic<int64_t> refunds{0};
  std::atomic<int64_t> duplicates{0};
  std::atomic<int64_t> rejected{0};

  int64_t rows() const { return payments + refunds + duplicates + rejected; }
};

// One import. A reader feeds lanes, each a goroutine that owns the payments whose keys hash to it;
// rejects go to one reporter.
class Import {
 public:
  explicit Import(const ImportOptions& options)
      : options_(options),
        client_(options.url, patience, static_cast<size_t>(options.concurrency)) {
    for (int i = 0; i < options.concurrency; ++i) lanes_.emplace_back(lane_capacity);
  }

  Result<void> run(const Context& context, std::istream& in, std::ostream& rejects_out,
                   int64_t bytes) {
    SLUICE_TRY(client_.check_service(context));
    sluice::sync::Group reporter;
    reporter.go([&] {
      for (const Reject& reject : rejects_) report(reject, rejects_out);
    });
    Result<void> imported;
    {
      sluice::sync::Group lanes{context};
      for (const Channel<Job>& lane : lanes_)
        lanes.go([this, lane](Context context) { return work(context, lane); });
      imported = read(lanes.context(), in, bytes);
      for (const Channel<Job>& lane : lanes_) lane.close();
      if (Result<void> worked = lanes.wait(); !worked) imported = worked;
    }
    rejects_.close();
    SLUICE_TRY(reporter.wait());
    return imported;
  }

  int64_t rows() const { return totals_.rows(); }

  void print_summary(double seconds) const {
    const int64_t rows = totals_.rows();
    printf(
        "imported %s rows in %.1f s (%s/s): %s payments (%s declined), %s refunds, "
        "%s duplicates, %s rejected\n",
        with_commas(rows).c_str(), seconds,
        with_commas(static_cast<int64_t>(static_cast<double>(rows) / seconds)).c_str(),
        with_commas(totals_.payments).c_str(), with_commas(totals_.declined).c_str(),
        with_commas(totals_.refunds).c_str(), with_commas(totals_.duplicates).c_str(),
        with_commas(totals_.rejected).c_str());
    fflush(stdout);
  }

 private:
  Result<void> read(const Context& context, std::istream& in, int64_t bytes) {
    CsvReader reader{in};
    SLUICE_TRY(read_header(reader));
    ProgressBar bar{bytes};
    while (std::optional<CsvReader::Row> row = sluice::blocking([&] { return reader.next(); })) {
      bar.update(reader.bytes(), totals_.rows());
      Result<ImportRow> parsed =
          row->fields ? parse_import_row(*row->fields) : Result<ImportRow>{row->fields.error()};
      if (!parsed) {
        reject(row->line, std::string{parsed.error().message()}, std::move(row->text));
        continue;
      }
      const size_t lane = std::hash<std::string>{}(parsed->payment_key) % lanes_.size();
      Job job{.line = row->line, .text = std::move(row->text), .row = *std::move(parsed)};
      sluice::select(sluice::on_send(lanes_[lane], std::move(job)),
                     sluice::on_receive(context.done()));
      if (context.cancelled()) return *context.cause();
    }
    if (reader.failed()) return cannot_read(reader);
    return {};
  }

  Error cannot_read(const CsvReader& reader) const {
    return Error{Code::data_loss,
                 options_.file + ": cannot be read beyond line " + std::to_string(reader.lines())};
  }

  Result<void> read_header(CsvReader& reader) const {
    std::optional<CsvReader::Row> header = reader.next();
    if (!header && reader.failed()) return cannot_read(reader);
    if (!header) return Error{Code::invalid_argument, options_.file + ": the file is empty"};
    Result<void> checked =
        header->fields ? check_import_header(*header->fields) : header->fields.error();
    if (!checked)
      return wrap(checked.error(), options_.file + ": line " + std::to_string(header->line));
    return {};
  }

  Result<void> work(const Context& context, const Channel<Job>& lane) {
    std::unordered_map<std::string, std::string> ids;  // of payments, by idempotency key
    for (Job& job : lane.until(context)) {
      if (std::holds_alternative<payment_core::CreatePayment>(job.row.request))
        SLUICE_TRY(import_payment(context, job, ids));
      else
        SLUICE_TRY(import_refund(context, job, ids));
    }
    return {};
  }

  Result<void> import_payment(const Context& context, Job& job,
                              std::unordered_map<std::string, std::string>& ids) {
    const auto& request = std::get<payment_core::CreatePayment>(job.row.request);
    const ApiReply reply = SLUICE_TRY(
        client_.post(context, "/v1/payments", job.row.key, payment_core::to_json(request)));
    if (!SLUICE_TRY(accept(job, reply))) return {};
    const sluice::json::Value body = SLUICE_TRY(sluice::json::parse(reply.body));
    ids[job.row.key] = std::string{SLUICE_TRY(body.get_string("id"))};
    if (reply.replayed) return {};
    ++totals_.payments;
    if (SLUICE_TRY(body.get_string("status")) == "declined") ++totals_.declined;
    return {};
  }

  Result<void> import_refund(const Context& context, Job& job,
                             const std::unordered_map<std::string, std::string>& ids) {
    const auto& request = std::get<payment_core::CreateRefund>(job.row.request);
    const auto id = ids.find(job.row.payment_key);
    if (id == ids.end()) {
      reject(job.line, "payment_key: no earlier row of this file made such a payment",
             std::move(job.text));
      return {};
    }
    const ApiReply reply =
        SLUICE_TRY(client_.post(context, "/v1/payments/" + id->second + "/refunds", job.row.key,
                                payment_core::to_json(request)));
    if (SLUICE_TRY(accept(job, reply)) && !reply.replayed) ++totals_.refunds;
    return {};
  }

  // Whether the service took the row. Counts duplicates and rejects.
  // Errors: the service is broken.
  Result<bool> accept(Job& job, const ApiReply& reply) {
    if (reply.status >= 500)
      return Error{Code::unavailable, "line " + std::to_string(job.line) +
                                          ": the service answered: " + reply.error_text()};
    if (reply.status != 201) {
      reject(job.line, reply.error_text(), std::move(job.text));
      return false;
    }
    if (reply.replayed) ++totals_.duplicates;
    return true;
  }

  void reject(int64_t line, std::string reason, std::string text) {
    ++totals_.rejected;
    rejects_.send({.line = line, .reason = std::move(reason), .text = std::move(text)});
  }

  void report(const Reject& reject, std::ostream& out) const {
    const char* erase = isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "";
    if (!options_.quiet)
      fprintf(stderr, "%sline %lld: %s\n", erase, static_cast<long long>(reject.line),
              reject.reason.c_str());
    out << "line " << reject.line << ": " << reject.reason << " | " << reject.text << '\n';
  }

  const ImportOptions& options_;
  ApiClient client_;
  Totals totals_;
  std::vector<Channel<Job>> lanes_;
  Channel<Reject> rejects_{64};
};

Result<void> check_files(const ImportOptions& options, const std::string& rejects_file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(options.file, ignored))
    return Error{Code::invalid_argument, options.file + " is a folder, not a CSV file"};
  if (std::filesystem::equivalent(options.file, rejects_file, ignored))
    return Error{Code::invalid_argument,
                 "--rejects: would overwrite the file to import, " + options.file};
  return {};
}

}  // namespace

Result<int> import_file(const Context& context, const ImportOptions& options) {
  const std::string rejects_file =
      options.rejects_file.empty() ? options.file + ".rejects" : options.rejects_file;
  SLUICE_TRY(check_base_url(options.url));
  SLUICE_TRY(check_files(options, rejects_file));
  std::ifstream in{options.file, std::ios::binary};
  if (!in) return sluice::errno_error(errno, "read " + options.file);
  std::ofstream rejects_out{rejects_file, std::ios::binary | std::ios::trunc};
  if (!rejects_out) return sluice::errno_error(errno, "write " + rejects_file);
  std::error_code no_size;
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(options.file, no_size));
  const sluice::Instant start = sluice::now();
  Import import{options};
  Result<void> imported = import.run(context, in, rejects_out, no_size ? 0 : bytes);
  const std::chrono::duration<double> elapsed = sluice::now() - start;
  if (imported || import.rows() > 0) import.print_summary(elapsed.count());
  if (!imported && context.cancelled())
    return wrap(*context.cause(), "the import was stopped; the same command goes on with it");
  SLUICE_TRY(imported);
  rejects_out.close();
  if (!rejects_out)
    return Error{Code::data_loss, "not all rejects could be written to " + rejects_file};
  return 0;
}

}  // namespace payments_cmd
