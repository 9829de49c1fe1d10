// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/options.h"

#include <stdio.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace payments_cmd {
namespace {

using std::chrono::milliseconds;

constexpr int usage_status = 2;

// Durations are numbers of a unit on the command line; these hold them until all is parsed.
struct RawDurations {
  int64_t risk_deadline_ms = 50;
  int64_t risk_delay_ms = 0;
  double load_seconds = 10;
  double patience_seconds = 20;
  int64_t key_retention_hours = 30 * 24;
};

CLI::App* add_serve(CLI::App& app, ServeOptions& options, RawDurations& raw) {
  CLI::App* serve = app.add_subcommand("serve", "Run the payments service");
  serve->add_option("--db", options.database, "SQLite file, created if missing")->required();
  serve->add_option("--listen", options.listen, "Address; port 0 takes a free one")
      ->capture_default_str();
  serve->add_option(
      "--debug-listen", options.debug_listen,
      "Address of /debug/pprof/ and /metrics, for operators; port 0 takes a free one");
  CLI::Option* url = serve->add_option("--webhook-url", options.webhook_url,
                                       "Where events are delivered; without it they are kept");
  serve
      ->add_option("--webhook-secret", options.webhook_secret,
                   "Signs the events; better given by the environment")
      ->envname("PAYMENTS_WEBHOOK_SECRET");
  url->check(CLI::Validator(
      [](const std::string& value) {
        return value.starts_with("http://") ? std::string{} : std::string{"must be an http:// URL"};
      },
      "URL"));
  serve
      ->add_option("--webhook-attempts", options.webhook_attempts,
                   "Failed attempts after which an event is given up (see requeue)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  serve
      ->add_option("--key-retention-hours", raw.key_retention_hours,
                   "How long the answers to idempotency keys are kept")
      ->capture_default_str()
      ->check(CLI::Range(24, 24 * 3650));
  serve->add_option("--risk-deadline-ms", raw.risk_deadline_ms, "Then the fallback rule decides")
      ->capture_default_str()
      ->check(CLI::Range(1, 60'000));
  serve->add_option("--risk-delay-ms", raw.risk_delay_ms, "Fault injection: a slow risk engine")
      ->check(CLI::Range(0, 60'000));
  return serve;
}

CLI::App* add_load(CLI::App& app, LoadOptions& options, RawDurations& raw) {
  CLI::App* load = app.add_subcommand("load", "Send requests as fast as they are answered");
  load->add_option("--url", options.url, "Base URL of the service")->required();
  load->add_option("--goroutines", options.goroutines, "Requests under way at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  load->add_option("--seconds", raw.load_seconds, "How long")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1e7));
  load->add_option("--accounts", options.accounts, "How many customers")
      ->capture_default_str()
      ->check(CLI::Range(2, 10'000'000));
  load->add_option("--seed", options.seed, "Decides what is sent")->capture_default_str();
  load->add_option("--acknowledged", options.acknowledged_file,
                   "File to which all that was acknowledged is appended");
  load->add_option("--patience-seconds", raw.patience_seconds,
                   "How long a request is repeated while the service is away")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e7));
  return load;
}

CLI::App* add_import(CLI::App& app, ImportOptions& options) {
  CLI::App* import = app.add_subcommand("import", "Stream a CSV file through a running service");
  import->add_option("file", options.file, "The CSV file")->required();
  import->add_option("--url", options.url, "Base URL of the service")->required();
  import->add_option("--rejects", options.rejects_file, "Where bad rows go (<file>.rejects)");
  import->add_flag("--quiet", options.quiet, "Bad rows go to the rejects file only");
  import->add_option("--goroutines", options.concurrency, "Rows under way at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000));
  return import;
}

CLI::App* add_verify(CLI::App& app, VerifyOptions& options) {
  CLI::App* verify = app.add_subcommand("verify", "Audit a ledger; status 1 if anything is wrong");
  verify->add_option("--db", options.database, "SQLite file")->required();
  verify->add_option("--acknowledged", options.acknowledged_file, "What `load` noted");
  verify->add_option("--received", options.received_file, "What `receive` noted");
  return verify;
}

CLI::App* add_requeue(CLI::App& app, RequeueOptions& options) {
  CLI::App* requeue = app.add_subcommand("requeue", "Queue webhooks again that were given up");
  requeue->add_option("--db", options.database, "SQLite file")->required();
  requeue->add_option("--event", options.event, "One event's id; without it, all of them");
  return requeue;
}

CLI::App* add_receive(CLI::App& app, ReceiveOptions& options) {
  CLI::App* receive = app.add_subcommand("receive", "Receive webhooks, check and note them");
  receive->add_option("--listen", options.listen, "Address; port 0 takes a free one")
      ->capture_default_str();
  receive->add_option("--secret", options.secret, "The webhook's secret")
      ->envname("PAYMENTS_WEBHOOK_SECRET")
      ->required();
  receive->add_option("--record", options.record, "File that gets one line per event");
  receive->add_option("--fail-percent", options.fail_percent, "Share of deliveries to refuse")
      ->check(CLI::Range(0, 100));
  receive->add_option("--seed", options.seed, "Decides which are refused");
  return receive;
}

// CLI11 would say that a command is required.
bool is_unknown_command(const CLI::App& app, const std::string& word) {
  if (word.starts_with('-')) return false;
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->check_name(word)) return false;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  fprintf(stderr, "payments: no command \"%s\"; there are: %s\n", word.c_str(), known.c_str());
  return true;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  CLI::App app{"payments: a double-entry payments service on sluice"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "payments: " PAYMENTS_VERSIONS);
  ServeOptions serve_options;
  LoadOptions load_options;
  ImportOptions import_options;
  VerifyOptions verify_options;
  RequeueOptions requeue_options;
  ReceiveOptions receive_options;
  RawDurations raw;
  const CLI::App* serve = add_serve(app, serve_options, raw);
  const CLI::App* load = add_load(app, load_options, raw);
  const CLI::App* import = add_import(app, import_options);
  const CLI::App* verify = add_verify(app, verify_options);
  const CLI::App* requeue = add_requeue(app, requeue_options);
  const CLI::App* receive = add_receive(app, receive_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && is_unknown_command(app, argv[1])) return usage_status;
    return app.exit(error) == 0 ? 0 : usage_status;
  }
  serve_options.risk_deadline = milliseconds{raw.risk_deadline_ms};
  serve_options.risk_delay = milliseconds{raw.risk_delay_ms};
  serve_options.key_retention = std::chrono::hours{raw.key_retention_hours};
  load_options.duration = milliseconds{static_cast<int64_t>(raw.load_seconds * 1000)};
  load_options.patience = milliseconds{static_cast<int64_t>(raw.patience_seconds * 1000)};
  if (serve->parsed()) return serve_options;
  if (load->parsed()) return load_options;
  if (import->parsed()) return import_options;
  if (verify->parsed()) return verify_options;
  if (requeue->parsed()) return requeue_options;
  if (receive->parsed()) return receive_options;
  return usage_status;
}

}  // namespace payments_cmd
