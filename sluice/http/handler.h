// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/http/request.h"
#include "sluice/http/response_writer.h"

namespace sluice::http {

// Answers requests: any callable `void(Request&, ResponseWriter&)` or
// `Result<void>(Request&, ResponseWriter&)`. A cheap, shared value. Called from many goroutines at
// once, hence by const reference.
//
// An error that it returns before the head is sent becomes the response that its code's HTTP status
// says (base/code.h); a later one cuts the response off, so that the client notices. An exception
// becomes 500, a log line, and the end of the connection.
class Handler {
 public:
  Handler() = default;

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Handler> &&
             std::invocable<const std::decay_t<F>&, Request&, ResponseWriter&>)
  Handler(F&& fn) : callee_(std::make_shared<const Holder<std::decay_t<F>>>(std::forward<F>(fn))) {}

  Result<void> operator()(Request& request, ResponseWriter& response) const {
    return callee_->call(request, response);
  }

  explicit operator bool() const { return callee_ != nullptr; }

 private:
  struct Callee {
    virtual ~Callee() = default;
    virtual Result<void> call(Request& request, ResponseWriter& response) const = 0;
  };
  template <class F>
  struct Holder final : Callee {
    explicit Holder(F fn) : fn_(std::move(fn)) {}
    Result<void> call(Request& request, ResponseWriter& response) const override {
      if constexpr (std::is_void_v<std::invoke_result_t<const F&, Request&, ResponseWriter&>>) {
        fn_(request, response);
        return {};
      } else {
        return fn_(request, response);
      }
    }
    F fn_;
  };

  std::shared_ptr<const Callee> callee_;
};

// Wraps a handler into another: `[](Handler next) -> Handler { return [next](auto& request, auto&
// response) { ... return next(request, response); }; }`.
class Middleware {
 public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Middleware> &&
             std::is_invocable_r_v<Handler, const std::decay_t<F>&, Handler>)
  Middleware(F&& fn)
      : wrapper_(std::make_shared<const Holder<std::decay_t<F>>>(std::forward<F>(fn))) {}

  Handler operator()(Handler next) const { return wrapper_->wrap(std::move(next)); }

 private:
  struct Wrapper {
    virtual ~Wrapper() = default;
    virtual Handler wrap(Handler next) const = 0;
  };
  template <class F>
  struct Holder final : Wrapper {
    explicit Holder(F fn) : fn_(std::move(fn)) {}
    Handler wrap(Handler next) const override { return fn_(std::move(next)); }
    F fn_;
  };

  std::shared_ptr<const Wrapper> wrapper_;
};

// The handler behind the middlewares; the first one is the outermost.
Handler chain(std::initializer_list<Middleware> middlewares, Handler handler);

}  // namespace sluice::http
