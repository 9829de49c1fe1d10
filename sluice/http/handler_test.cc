// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/handler.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/test_stream.h"

namespace sluice::http {
namespace {

using internal::MemoryStream;
using internal::ResponseAccess;

std::string answer(const Handler& handler) {
  MemoryStream stream;
  Request request;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::get);
  Result<void> handled = handler(request, response);
  if (!handled) return handled.error().to_string();
  EXPECT_TRUE(ResponseAccess::finish(response));
  return stream.text;
}

Result<void> function(Request&, ResponseWriter& response) { return response.write("function"); }

TEST(Handler, TakesAnyCallable) {
  EXPECT_EQ(answer(function), "200 function");
  EXPECT_EQ(answer([](Request&, ResponseWriter& response) { response.set_status(204); }), "204");
  EXPECT_EQ(answer([](Request&, ResponseWriter&) -> Result<void> {
              return Error(Code::aborted, "failed");
            }),
            "failed");
  EXPECT_FALSE(Handler());
  Handler handler = function, copy = handler;
  EXPECT_EQ(answer(copy), "200 function");
}

Middleware marks(std::string mark) {
  return Middleware([mark](Handler next) -> Handler {
    return [mark, next](Request& request, ResponseWriter& response) -> Result<void> {
      SLUICE_TRY(response.write(mark));
      return next(request, response);
    };
  });
}

TEST(Chain, PutsTheFirstMiddlewareOutermost) {
  EXPECT_EQ(answer(chain({marks("1"), marks("2")}, function)), "200 12function");
  EXPECT_EQ(answer(chain({}, function)), "200 function");
}

}  // namespace
}  // namespace sluice::http
