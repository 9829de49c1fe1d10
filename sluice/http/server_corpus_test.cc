// SPDX-License-Identifier: Apache-2.0

// A live server against the seeds of the fuzz targets and mutations of them: it answers or closes,
// logs what it refuses, says nothing after a refusal, and serves the next client.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_log.h"
#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"

namespace sluice::http {
namespace {

using internal::body_of;
using internal::on_runtime;
using internal::RawPeer;
using internal::status_line;
using internal::TestServer;

std::vector<std::string> seeds(const char* target) {
  std::vector<std::string> texts;
  std::filesystem::path folder = std::filesystem::path(__FILE__).parent_path() / "corpus" / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::string> requests() {
  std::vector<std::string> texts = seeds("request_head");
  for (const std::string& body : seeds("chunked"))
    texts.push_back("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
  return texts;
}

using Random = std::minstd_rand;

std::string mutated(std::string text, Random& random) {
  for (size_t changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
    size_t at = random() % text.size();
    switch (random() % 5) {
      case 0:
        text[at] = char(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 4);
        break;
      case 2:
        text.insert(at, 1, "\r\n\t :;,0\xff"[random() % 9]);
        break;
      case 3:
        text.insert(at, text.substr(0, at));
        break;
      default:
        text.insert(at, random() % 3000, text[at]);  // oversized, here or there
    }
  }
  return text;
}

// What came back is a row of responses, of which only the last one closes.
void expect_responses(const std::string& text, const std::string& request) {
  static const std::set<std::string> statuses = {"200", "400", "408", "413", "414",
                                                 "417", "431", "501", "505"};
  for (size_t at = 0; at < text.size();) {
    std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("HTTP/1.1 100 Continue\r\n\r\n")) {
      at += 25;
      continue;
    }
    size_t head = rest.find("\r\n\r\n"), length = rest.find("Content-Length: ");
    ASSERT_TRUE(rest.starts_with("HTTP/1.1 ") && head != rest.npos && length < head) << request;
    EXPECT_TRUE(statuses.contains(std::string(rest.substr(9, 3)))) << rest << request;
    at += head + 4 + std::stoul(std::string(rest.substr(length + 16, 8)));
    bool closing = rest.substr(0, head).find("Connection: close") != rest.npos;
    EXPECT_TRUE(closing || rest.starts_with("HTTP/1.1 200")) << request;
    EXPECT_TRUE(!closing || at == text.size()) << request;
  }
}

TEST(ServerCorpus, AnswersOrClosesWhateverArrives) {
  on_runtime([] {
    internal::CapturedLog log;
    TestServer server(
        [](Request& request, ResponseWriter& response) -> Result<void> {
          return response.write(SLUICE_TRY(request.read_all()));
        },
        {.target_bytes_max = 256, .header_bytes_max = 2000, .body_bytes_max = 1000});
    Random random(20);
    for (const std::string& seed : requests()) {
      for (int variant = 0; variant < 20; ++variant) {
        std::string request = variant == 0 ? seed : mutated(seed, random);
        RawPeer peer(server);
        peer.send(request);
        (void)peer.conn.close_write();  // fails where the server was faster
        expect_responses(peer.read_to_end(), request);
      }
    }
    EXPECT_GT(server.stats().requests_refused, 100u);
    EXPECT_EQ(log.take().size(), server.stats().requests_refused);
    RawPeer peer(server);
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 200 OK");
  });
}

}  // namespace
}  // namespace sluice::http
