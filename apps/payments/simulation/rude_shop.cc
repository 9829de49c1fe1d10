// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/rude_shop.h"

#include <string>
#include <string_view>
#include <utility>

#include "apps/payments/notify_sdk/signature.h"
#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/net/listener.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {

using sluice::Context;
using sluice::Result;
using sluice::net::Conn;
using sluice::simulation::fault;
using sluice::simulation::note;

namespace {

// What a connection has sent, until the context ends.
class Input {
 public:
  Input(const Context& context, Conn& conn) : context_(context), conn_(conn) {}

  // Without its end. Errors: the stream's or the context's end.
  Result<std::string> line() {
    for (;;) {
      const size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = SLUICE_TRY(bytes(end + 2));
        line.resize(end);
        return line;
      }
      SLUICE_TRY(more());
    }
  }
  Result<std::string> bytes(size_t count) {
    while (buffer_.size() < count) SLUICE_TRY(more());
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }

 private:
  Result<void> more() {
    char piece[1024];
    const size_t got = SLUICE_TRY(conn_.read(context_, piece));
    if (got == 0) return sluice::Error{sluice::Code::unavailable, "end of the stream"};
    buffer_.append(piece, got);
    return {};
  }

  const Context& context_;
  Conn& conn_;
  std::string buffer_;
};

struct Webhook {
  std::string event_id;
  std::string signature;
  std::string body;
};

// Of a field's line, or "".
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) return {};
  return line.substr(name.size() + 2);
}

Result<Webhook> read_webhook(Input& input) {
  Webhook webhook;
  size_t bytes = 0;
  for (;;) {
    const std::string line = SLUICE_TRY(input.line());
    if (line.empty()) break;
    if (std::string_view value = value_of(line, "Content-Length"); !value.empty())
      bytes = std::stoul(std::string{value});
    if (std::string_view value = value_of(line, "Sluice-Event-Id"); !value.empty())
      webhook.event_id = value;
    if (std::string_view value = value_of(line, notify_sdk::signature_header); !value.empty())
      webhook.signature = value;
  }
  webhook.body = SLUICE_TRY(input.bytes(bytes));
  return webhook;
}

}  // namespace

RudeShop::RudeShop(Merchant& merchant) : merchant_(merchant) {
  auto listener = must(sluice::net::Listener::listen(merchant_address), "the merchant listens");
  group_.go([this, listener = std::move(listener)](const Context& context) mutable {
    for (;;) {
      Result<Conn> conn = listener.accept(context);
      if (!conn) return;
      group_.go([this, conn = *std::move(conn)](const Context& ending) mutable {
        serve(ending, std::move(conn));
      });
    }
  });
}

Result<void> RudeShop::close() {
  group_.cancel();
  return group_.wait();
}

void RudeShop::serve(const Context& context, Conn conn) {
  Input input{context, conn};
  for (;;) {
    Result<Webhook> webhook = read_webhook(input);
    if (!webhook) return;
    Result<void> taken =
        merchant_.take(context, webhook->event_id, webhook->body, webhook->signature);
    std::string answer = taken ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                               : "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno";
    if (fault(merchant_.faults().hangs_up)) {
      tally(Tallied::merchant_torn);
      note("the merchant hangs up on " + webhook->event_id);
      (void)conn.write(std::string_view{answer}.substr(0, answer.size() / 2));
      return;
    }
    if (fault(merchant_.faults().answers_twice)) {
      tally(Tallied::merchant_twice);
      note("the merchant answers twice to " + webhook->event_id);
      answer.insert(answer.find("Content-Length"), "Connection: close\r\n");
      (void)conn.write(context, answer + answer);
      return;
    }
    if (!conn.write(context, answer)) return;
  }
}

}  // namespace payments_simulation
