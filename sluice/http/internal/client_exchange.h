// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/context/context.h"
#include "sluice/http/client.h"
#include "sluice/http/internal/body_reader.h"
#include "sluice/http/internal/client_pool.h"

namespace sluice::http::internal {

// One request and its response on one connection. Used by one goroutine at a time.
class ClientExchange final : private ByteSource {
 public:
  ClientExchange(std::shared_ptr<ClientState> state, Context context, std::string host,
                 std::unique_ptr<ClientConn> conn)
      : state_(std::move(state)),
        context_(std::move(context)),
        host_(std::move(host)),
        conn_(std::move(conn)) {}
  ClientExchange(const ClientExchange&) = delete;
  ~ClientExchange() = default;

  // Sends the request and waits for the response's head.
  Result<void> run(const ClientRequest& request, const Url& url);

  // After a failed run(): the server may have closed a kept connection before it saw the request.
  bool was_stale() const { return conn_->reused && !received_any_ && stream_ended_; }

  const ResponseHead& head() const { return head_; }
  const Headers& trailers() const { return body_.trailers(); }
  Result<size_t> read(std::span<char> out);
  const ClientOptions& options() const { return state_->options; }

 private:
  Result<void> send(const ClientRequest& request, const Url& url);
  Result<void> send_source(const ClientRequest& request, std::string head);
  Result<void> read_head(Method method);
  Result<void> write(std::string_view head, std::string_view body = {});
  Result<size_t> receive(std::span<char> out) override;
  // The context's error where it explains the failure.
  Error explained(Error error) const;
  void finish();

  const std::shared_ptr<ClientState> state_;
  const Context context_;
  const std::string host_;            // the pool's key
  std::unique_ptr<ClientConn> conn_;  // null once given back or closed
  ResponseHead head_;
  BodyReader body_;
  Method method_ = Method::get;
  bool received_any_ = false;  // of the response
  bool stream_ended_ = false;  // the server closed or reset the connection
};

}  // namespace sluice::http::internal
