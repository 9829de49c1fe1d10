// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/router.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/test_stream.h"

namespace sluice::http {
namespace {

using internal::MemoryStream;
using internal::RequestAccess;
using internal::ResponseAccess;

std::string answer_to(const Router& router, std::string_view method, std::string_view target) {
  MemoryStream stream;
  Request request;
  internal::RequestHead& head = RequestAccess::head(request);
  head.method = method_from_name(method);
  head.method_name = method;
  head.target = target;
  RequestAccess::reset(request, &stream);
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, head.method);
  EXPECT_TRUE(router(request, response));
  EXPECT_TRUE(ResponseAccess::finish(response));
  return stream.text;
}

Handler says(std::string what) {
  return [what](Request&, ResponseWriter& response) { return response.write(what); };
}

Handler shows(std::vector<std::string> names) {
  return [names](Request& request, ResponseWriter& response) {
    std::string text(request.route());
    for (const std::string& name : names) text += " " + std::string(request.param(name));
    return response.write(text);
  };
}

TEST(Router, ChoosesByMethodAndPath) {
  Router router;
  router.get("/", says("root"))
      .get("/a", says("a"))
      .get("/a/", says("a/"))
      .post("/a", says("post a"))
      .handle("PURGE", "/a", says("purge a"));
  EXPECT_EQ(answer_to(router, "GET", "/"), "200 root");
  EXPECT_EQ(answer_to(router, "GET", "/?x=y"), "200 root");
  EXPECT_EQ(answer_to(router, "GET", "/a"), "200 a");
  EXPECT_EQ(answer_to(router, "GET", "/a/"), "200 a/");
  EXPECT_EQ(answer_to(router, "GET", "http://h/a"), "200 a");
  EXPECT_EQ(answer_to(router, "POST", "/a"), "200 post a");
  EXPECT_EQ(answer_to(router, "PURGE", "/a"), "200 purge a");
  EXPECT_EQ(answer_to(router, "HEAD", "/a"), "200");
}

TEST(Router, BindsParameters) {
  Router router;
  router.get("/v1/payments/{id}", shows({"id"}))
      .post("/v1/payments/{payment}/refunds", shows({"payment"}))
      .get("/files/{bucket}/{path...}", shows({"bucket", "path"}));
  EXPECT_EQ(answer_to(router, "GET", "/v1/payments/p_1"), "200 /v1/payments/{id} p_1");
  EXPECT_EQ(answer_to(router, "GET", "/v1/payments/a%20b%2Fc"), "200 /v1/payments/{id} a b/c");
  EXPECT_EQ(answer_to(router, "POST", "/v1/payments/7/refunds"),
            "200 /v1/payments/{payment}/refunds 7");
  EXPECT_EQ(answer_to(router, "GET", "/files/b/x/y%7E/z"),
            "200 /files/{bucket}/{path...} b x/y~/z");
  EXPECT_EQ(answer_to(router, "GET", "/files/b/"), "200 /files/{bucket}/{path...} b ");
  EXPECT_EQ(answer_to(router, "GET", "/v1/payments/"), "404 not found\n");
  EXPECT_EQ(answer_to(router, "GET", "/v1/payments"), "404 not found\n");
}

TEST(Router, PrefersLiteralsAndGoesBack) {
  Router router;
  router.get("/{x}/b", shows({"x"}))
      .get("/a/{y}", shows({"y"}))
      .get("/a/b/c", says("literal"))
      .get("/{rest...}", shows({"rest"}))
      .post("/a/{y}/d", says("post"));
  EXPECT_EQ(answer_to(router, "GET", "/a/b/c"), "200 literal");
  EXPECT_EQ(answer_to(router, "GET", "/a/b"), "200 /a/{y} b");
  EXPECT_EQ(answer_to(router, "GET", "/z/b"), "200 /{x}/b z");
  EXPECT_EQ(answer_to(router, "GET", "/a/b/x"), "200 /{rest...} a/b/x");
  EXPECT_EQ(answer_to(router, "POST", "/a/q/d"), "200 post");
  EXPECT_EQ(answer_to(router, "GET", "/a/q/d"), "200 /{rest...} a/q/d");
}

TEST(Router, TellsUnknownPathsFromUnknownMethods) {
  Router router;
  router.get("/a", says("a")).post("/a", says("b")).del("/b", says("c"));
  EXPECT_EQ(answer_to(router, "GET", "/x"), "404 not found\n");
  EXPECT_EQ(answer_to(router, "PUT", "/a"), "405 GET, HEAD, POST method not allowed\n");
  EXPECT_EQ(answer_to(router, "GET", "/b"), "405 DELETE method not allowed\n");
  EXPECT_EQ(answer_to(router, "OPTIONS", "/a"), "204 GET, HEAD, POST");
  EXPECT_EQ(answer_to(router, "OPTIONS", "*"), "204");
}

TEST(Router, RefusesPathsThatOthersReadDifferently) {
  Router router;
  router.get("/{rest...}", says("x"));
  for (const char* target : {"/a/../b", "/..", "/.", "/%2e%2E/a", "/a/.%2e", "/a%00b", "/a%0a"})
    EXPECT_EQ(answer_to(router, "GET", target), "400 bad path\n") << target;
  for (const char* target : {"/a..b", "/.a", "/...", "/a%2Fb"})
    EXPECT_EQ(answer_to(router, "GET", target), "200 x") << target;
}

Middleware marks(std::string mark) {
  return Middleware([mark](Handler next) -> Handler {
    return [mark, next](Request& request, ResponseWriter& response) -> Result<void> {
      SLUICE_TRY(response.write(mark));
      SLUICE_TRY(next(request, response));
      return response.write("/" + mark);
    };
  });
}

TEST(Router, WrapsEverythingInItsMiddlewares) {
  Router router;
  router.get("/a", chain({marks("3"), marks("4")}, says("a")));
  router.use(marks("1")).use(marks("2"));
  EXPECT_EQ(answer_to(router, "GET", "/a"), "200 1234a/4/3/2/1");
  EXPECT_EQ(answer_to(router, "GET", "/x"), "404 not found\n/2/1");
  Router moved = std::move(router);
  EXPECT_EQ(answer_to(moved, "GET", "/a"), "200 1234a/4/3/2/1");
}

TEST(RouterDeathTest, RefusesBadPatterns) {
  auto add = [](std::string_view pattern) {
    Router router;
    router.get("/a/{x}", says("x"));
    router.get(pattern, says("y"));
  };
  EXPECT_DEATH(add("a"), "starts with /");
  EXPECT_DEATH(add("/a/{x}"), "registered twice");
  EXPECT_DEATH(add("/a/{y}"), "parameter names only");
  EXPECT_DEATH(add("/{x}/{x}"), "twice in one pattern");
  EXPECT_DEATH(add("/{x...}/a"), "last segment");
  EXPECT_DEATH(add("/a{x}"), "whole segment");
  EXPECT_DEATH(add("/{}"), "has a name");
}

}  // namespace
}  // namespace sluice::http
