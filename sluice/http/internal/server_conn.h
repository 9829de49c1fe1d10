// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "sluice/base/time.h"
#include "sluice/http/internal/body_reader.h"
#include "sluice/http/internal/exchange.h"
#include "sluice/http/internal/pace.h"
#include "sluice/http/internal/server_run.h"
#include "sluice/http/internal/stream.h"
#include "sluice/net/conn.h"

namespace sluice::http::internal {

// Serves one connection: one goroutine, one request after the other.
//
// System calls of a small keep-alive request: one read, one write. A response is written when its
// handler has returned, before anything is done for the next request: that one's handler may take
// long or fail. Rejected: collecting the responses to pipelined requests, for this reason.
class ServerConn final : private Stream, private ByteSource {
 public:
  ServerConn(std::shared_ptr<ServerRun> run, net::Conn conn);
  ~ServerConn();
  ServerConn(const ServerConn&) = delete;

  // Until either side ends the connection.
  void serve();

  // Under the run's lock: ends the connection if it waits between two requests.
  void end_if_idle();
  // Under the run's lock: fails all its waits, now and later.
  void interrupt();

 private:
  friend class ServerRun;
  enum class State : uint8_t { busy, idle, ended };
  // How the connection goes on after a request.
  enum class Next : uint8_t { keep, close, linger };

  // server_conn.cc: from request to request.
  bool await_request();
  bool wait_idle();
  Next serve_one();
  Result<Parsed> read_head(RequestHead& head);
  Next refuse(int status, std::string_view reason);
  void note_refusal(int status, std::string_view reason);
  Next finish_request();
  bool discard_body();
  void linger();

  // server_handler.cc: between the handler and the response.
  void run_handler();
  Result<void> call_handler();
  void answer_error(const Error& error);
  void put_error(int status, Code code, std::string_view message);

  // server_shed.cc: instead of the handler, when memory is short.
  bool must_shed();
  void shed();

  // server_stream.cc: what the handler's request and response reach.
  Result<size_t> read_body(std::span<char> out) override;
  const Headers& request_trailers() override { return exchange_->body.trailers(); }
  Context context() override;
  const net::Address& remote_address() const override { return conn_.remote_address(); }
  Result<void> send_head(int status, const Headers& headers,
                         std::optional<uint64_t> length) override;
  Result<void> send_body(std::string_view data) override;
  Result<void> flush() override;
  Result<void> send_end(const Headers& trailers) override;
  Error body_error(Error error);

  // server_io.cc: the socket.
  Result<size_t> receive(std::span<char> out) override;
  // Writes what is pending, then `data` and `tail`, in one system call where the kernel takes it.
  Result<void> write_out(std::string_view data = {}, std::string_view tail = {});
  void arm_read_deadline(Duration limit);
  void arm_read_deadline(Instant when);

  // server_watch.cc: the request's context.
  bool body_has_arrived() const;
  void start_watching();
  void stop_watching();
  void watch();
  void client_gone();

  const std::shared_ptr<ServerRun> run_;
  net::Conn conn_;
  std::unique_ptr<Exchange> exchange_;  // null while idle

  // The running request.
  std::optional<CancellableContext> scope_;  // once somebody asked for the context
  bool keep_alive_ = false;
  bool chunked_ = false;        // the response's body
  bool owes_continue_ = false;  // the client waits for 100 before it sends the body
  bool responding_ = false;     // the response's head was handed to send_head()
  bool handling_ = false;       // the handler runs
  bool lost_ = false;           // the client is known to have gone
  bool broken_ = false;         // nothing more can be sent
  Pace reading_, writing_;      // of its body and of the response

  // The socket may hold bytes that no readiness will be reported for.
  bool try_read_first_ = false;
  bool served_any_ = false;
  std::optional<Instant> head_until_;       // while a head is read: when it must be complete
  Instant read_deadline_ = Instant::max();  // as armed

  // The goroutine that watches the socket for the client's end.
  std::atomic<bool> watch_over_{false};
  bool watching_ = false;
  std::optional<Channel<Unit>> watch_ended_;

  std::atomic<State> state_{State::busy};
  ServerConn* next_ = nullptr;  // guarded by the run's lock, as is link_
  ServerConn** link_ = nullptr;
};

}  // namespace sluice::http::internal
