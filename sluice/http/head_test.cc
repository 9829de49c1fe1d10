// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/head.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http::internal {
namespace {

using Status = Parsed::Status;

Parsed parse(std::string_view bytes, RequestHead& head) {
  return parse_request_head(bytes, HeadLimits{}, head);
}

TEST(RequestHead, TakesAnOrdinaryRequestApart) {
  std::string text =
      "POST /v1/payments?limit=10 HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 5\r\n"
      "X-Empty:\r\nX-Spaced:  a b \t\r\n\r\nhello";
  RequestHead head;
  Parsed parsed = parse(text, head);
  ASSERT_EQ(parsed.status, Status::complete) << parsed.reason;
  EXPECT_EQ(parsed.consumed, text.size() - 5);
  EXPECT_EQ(head.method, Method::post);
  EXPECT_EQ(head.target, "/v1/payments?limit=10");
  EXPECT_EQ(head.version, Version::http_1_1);
  EXPECT_EQ(head.headers.get("host"), "example.org:8080");
  EXPECT_EQ(head.headers.get("X-SPACED"), "a b");
  EXPECT_TRUE(head.headers.contains("x-empty"));
  EXPECT_EQ(head.facts.framing, Framing::length);
  EXPECT_EQ(head.facts.content_length, 5u);
  EXPECT_TRUE(head.facts.keep_alive);
}

struct Refused {
  const char* name;
  std::string text;
  int status;
};

std::string with_fields(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

// tidy: long-function: a table
const std::vector<Refused>& refused_requests() {
  static const std::vector<Refused> table = {
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"bare LF as the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
      {"bare CR in a value", with_fields("A: b\rc\r\n"), 400},
      {"CR CR LF", with_fields("A: b\r\r\n"), 400},
      {"NUL in a value", with_fields(std::string("A: b\0c\r\n", 8)), 400},
      {"DEL in a value", with_fields("A: b\x7f\r\n"), 400},
      {"space before the colon", with_fields("Content-Length : 5\r\n"), 400},
      {"tab before the colon", with_fields("A\t: b\r\n"), 400},
      {"folded line", with_fields("A: b\r\n c\r\n"), 400},
      {"first field folded", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"empty name", with_fields(": b\r\n"), 400},
      {"no colon", with_fields("A b\r\n"), 400},
      {"name with a bracket", with_fields("A[]: b\r\n"), 400},
      {"name beyond ASCII", with_fields("\xc3\xa4: b\r\n"), 400},
      {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
      {"two Hosts", with_fields("Host: h\r\n"), 400},
      {"two different Hosts", with_fields("Host: g\r\n"), 400},
      {"Host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"Host with bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
      {"Host with open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
      {"TE beside CL", with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {"CL beside TE", with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"different CLs", with_fields("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {"equal CLs", with_fields("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {"CL list", with_fields("Content-Length: 5, 5\r\n"), 400},
      {"negative CL", with_fields("Content-Length: -5\r\n"), 400},
      {"signed CL", with_fields("Content-Length: +5\r\n"), 400},
      {"hexadecimal CL", with_fields("Content-Length: 0x5\r\n"), 400},
      {"empty CL", with_fields("Content-Length:\r\n"), 400},
      {"huge CL", with_fields("Content-Length: 99999999999999999999\r\n"), 400},
      {"TE gzip", with_fields("Transfer-Encoding: gzip\r\n"), 501},
      {"TE gzip, chunked", with_fields("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"TE chunked, identity", with_fields("Transfer-Encoding: chunked, identity\r\n"), 501},
      {"TE identity", with_fields("Transfer-Encoding: identity\r\n"), 501},
      {"TE xchunked", with_fields("Transfer-Encoding: xchunked\r\n"), 501},
      {"TE twice", with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       501},
      {"TE quoted", with_fields("Transfer-Encoding: \"chunked\"\r\n"), 501},
      {"TE with vertical tab",
       with_fields("Transfer-Encoding: \x0b"
                   "chunked\r\n"),
       400},
      {"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"unknown expectation", with_fields("Expect: a pony\r\n"), 417},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
      {"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505},
      {"lower-case http", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
      {"version of two digits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"space after the version", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
      {"space before the method", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"tab in the request line", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"fragment", "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"half an escape", "GET /%2 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bad escape", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"backslash", "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bracket in the path", "GET /a[b] HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"quote in the query", "GET /a?\"b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"fragment behind a query", "GET /a?b#c HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"relative target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"asterisk for GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"absolute form with user", "GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT without port", "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"TLS hello",
       "\x16\x03\x01\x02"
       "aaaa",
       400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"endless method", std::string(40, 'A'), 501},
      {"three empty lines first", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bare LF first", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"endless target", "GET /" + std::string(9000, 'a'), 414},
      {"long field", with_fields("A: " + std::string(40000, 'a') + "\r\n"), 431},
      {"endless field", "GET / HTTP/1.1\r\nA: " + std::string(40000, 'a'), 431},
  };
  return table;
}

TEST(RequestHead, RefusesWhatIsMalformed) {
  for (const Refused& refused : refused_requests()) {
    RequestHead head;
    Parsed parsed = parse(refused.text, head);
    EXPECT_EQ(parsed.status, Status::error) << refused.name;
    EXPECT_EQ(parsed.http_status, refused.status) << refused.name << ": " << parsed.reason;
  }
}

TEST(RequestHead, RefusesTooManyFields) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "A: b\r\n";
  RequestHead head;
  EXPECT_EQ(parse(with_fields(fields), head).status, Status::complete);  // 100 with Host
  EXPECT_EQ(parse(with_fields(fields + "A: b\r\n"), head).http_status, 431);
}

const std::vector<std::string>& accepted_requests() {
  static const std::vector<std::string> table = {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /a%20b?c=%C3%A4&d HTTP/1.1\r\nHost: [::1]:80\r\nA: \xc3\xa4\r\n\r\n",
      // What browsers leave as it is (WHATWG URL, query percent-encode set).
      "GET /a?filter[status]=x|y&b={c}^`\\&d=100%&e=%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http://h/?a[]=%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
      "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
      "M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n",
      with_fields("transfer-encoding: CHUNKED\r\n"),
      with_fields("Content-Length: 0\r\n"),
      with_fields("Content-Length: 0000000005\r\n"),
      with_fields("Expect: 100-Continue\r\nContent-Length: 5\r\n"),
      with_fields("Connection: a, ,close\r\n"),
  };
  return table;
}

TEST(RequestHead, AcceptsWhatIsWellFormed) {
  for (const std::string& text : accepted_requests()) {
    RequestHead head;
    Parsed parsed = parse(text, head);
    EXPECT_EQ(parsed.status, Status::complete) << text << ": " << parsed.reason;
    EXPECT_EQ(parsed.consumed, text.size()) << text;
  }
}

// Every prefix of a good request wants more; every prefix of a bad one wants more or is refused.
TEST(RequestHead, JudgesPrefixesAsTheWhole) {
  for (const std::string& text : accepted_requests()) {
    for (size_t size = 0; size < text.size(); ++size) {
      RequestHead head;
      EXPECT_EQ(parse(std::string_view(text).substr(0, size), head).status, Status::incomplete)
          << text << " cut at " << size;
    }
  }
  for (const Refused& refused : refused_requests()) {
    for (size_t size = 0; size < refused.text.size(); size += 1 + size / 64) {
      RequestHead head;
      EXPECT_NE(parse(std::string_view(refused.text).substr(0, size), head).status,
                Status::complete)
          << refused.name << " cut at " << size;
    }
  }
}

TEST(RequestHead, KnowsWhenTheConnectionStays) {
  struct Case {
    const char* text;
    bool keep_alive;
  };
  for (auto [text, keep_alive] :
       std::vector<Case>{{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
                         {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
                         {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", false},
                         {"GET / HTTP/1.0\r\n\r\n", false},
                         {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
                         {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false}}) {
    RequestHead head;
    ASSERT_EQ(parse(text, head).status, Status::complete);
    EXPECT_EQ(head.facts.keep_alive, keep_alive) << text;
  }
}

Parsed parse_answer(std::string_view text, ResponseHead& head, Method method = Method::get) {
  return parse_response_head(text, HeadLimits{}, method, head);
}

TEST(ResponseHead, TellsHowTheBodyEnds) {
  struct Case {
    const char* text;
    Method method;
    Framing framing;
    bool keep_alive;
  };
  for (auto [text, method, framing, keep_alive] : std::vector<Case>{
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::length, true},
           {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::get, Framing::none, true},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get, Framing::chunked,
            true},
           {"HTTP/1.1 200 OK\r\n\r\n", Method::get, Framing::until_close, false},
           {"HTTP/1.1 200\r\n\r\n", Method::get, Framing::until_close, false},
           {"HTTP/1.1 204 No Content\r\n\r\n", Method::get, Framing::none, true},
           {"HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", Method::get, Framing::none, true},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head, Framing::none, true},
           {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::length, false},
           {"HTTP/1.1 100 Continue\r\n\r\n", Method::post, Framing::none, true}}) {
    ResponseHead head;
    Parsed parsed = parse_answer(text, head, method);
    ASSERT_EQ(parsed.status, Status::complete) << text << parsed.reason;
    EXPECT_EQ(head.facts.framing, framing) << text;
    EXPECT_EQ(head.facts.keep_alive, keep_alive) << text;
  }
}

TEST(ResponseHead, RefusesWhatIsMalformed) {
  for (const char* text :
       {"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n", "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"}) {
    ResponseHead head;
    EXPECT_EQ(parse_answer(text, head).status, Status::error) << text;
  }
}

TEST(Trailers, RefuseFieldsThatFrameOrRoute) {
  Headers trailers;
  EXPECT_EQ(parse_trailers("X-Sum: 1\r\n\r\n", {}, trailers).status, Status::complete);
  EXPECT_EQ(trailers.get("x-sum"), "1");
  EXPECT_EQ(parse_trailers("\r\n", {}, trailers).status, Status::complete);
  for (const char* text : {"Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
                           "Host: h\r\n\r\n", "A : b\r\n\r\n", "A: b\n\r\n"})
    EXPECT_EQ(parse_trailers(text, {}, trailers).status, Status::error) << text;
}

}  // namespace
}  // namespace sluice::http::internal
