// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/chunked.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/body_reader.h"

namespace sluice::http::internal {
namespace {

using Event = ChunkedDecoder::Event;

struct Decoded {
  std::string data;
  bool ended = false;
  bool failed = false;
  size_t consumed = 0;
};

// Feeds `text` in pieces of `piece_bytes`.
Decoded decode(std::string_view text, size_t piece_bytes) {
  ChunkedDecoder decoder;
  Decoded out;
  std::string pending;
  for (size_t fed = 0;;) {
    ChunkedDecoder::Step step = decoder.next(pending);
    out.data += step.data;
    out.consumed += step.consumed;
    pending.erase(0, step.consumed);
    out.ended = step.event == Event::end;
    out.failed = step.event == Event::error;
    if (out.ended || out.failed) return out;
    if (step.event == Event::data) continue;
    if (fed >= text.size()) return out;
    pending += text.substr(fed, piece_bytes);
    fed += piece_bytes;
  }
}

TEST(ChunkedDecoder, YieldsTheSameHoweverItIsFed) {
  std::string text = "5\r\nhello\r\n1;a=b;c=\"d\\\"e\";f\r\n!\r\n0A\r\n0123456789\r\n0\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    Decoded got = decode(text + "\r\nrest", piece);
    EXPECT_TRUE(got.ended) << piece;
    EXPECT_EQ(got.data, "hello!0123456789") << piece;
    EXPECT_EQ(got.consumed, text.size()) << piece;
  }
}

TEST(ChunkedDecoder, RefusesWhatIsMalformed) {
  for (const char* text : {"\r\n",
                           "g\r\n",
                           "-1\r\n",
                           "+1\r\n",
                           "0x1\r\n",
                           " 1\r\n",
                           "1 \r\n",
                           "1\t\r\n",
                           "1\n",
                           "1\r\r\n",
                           "1\r\na\n",
                           "1\r\nab\r\n",
                           "1\r\na0\r\n",
                           "1;\r\n",
                           "1;=b\r\n",
                           "1;a=\r\n",
                           "1; a\r\n",
                           "1;a =b\r\n",
                           "1;a=\"b\r\n",
                           "1;a=\"b\"c\r\n",
                           "1;a\nb\r\n",
                           ";a\r\n",
                           "11111111111111111\r\n",
                           "00000000000000000\r\n",
                           "1,\r\n"}) {
    EXPECT_TRUE(decode(text, 100).failed) << text;
    EXPECT_TRUE(decode(text, 1).failed) << text;
  }
}

TEST(ChunkedDecoder, BoundsExtensionsOverTheWholeBody) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "1;abcdefgh\r\nx\r\n";
  EXPECT_TRUE(decode(text, 4096).failed);
  EXPECT_TRUE(decode("1;" + std::string(5000, 'a'), 100).failed);
}

TEST(ChunkedDecoder, TakesTheLargestSizeThereIs) {
  EXPECT_EQ(decode("ffffffffffffffff\r\nabc", 100).data, "abc");
}

TEST(ChunkSize, IsWrittenAsItIsRead) {
  for (uint64_t size : {uint64_t(0), uint64_t(1), uint64_t(255), UINT64_MAX}) {
    char text[18];
    size_t length = write_chunk_size(size, text);
    std::string_view line(text, length);
    EXPECT_TRUE(line.ends_with("\r\n"));
    EXPECT_EQ(std::stoull(std::string(line), nullptr, 16), size);
  }
}

// Gives the bytes of a string, a few at a time.
class StringSource final : public ByteSource {
 public:
  StringSource(std::string text, size_t piece) : text_(std::move(text)), piece_(piece) {}
  Result<size_t> receive(std::span<char> out) override {
    size_t size = std::min({out.size(), piece_, text_.size() - at_});
    text_.copy(out.data(), size, at_);
    at_ += size;
    return size;
  }
  std::string left() const { return text_.substr(at_); }

 private:
  std::string text_;
  size_t piece_;
  size_t at_ = 0;
};

struct BodyCase {
  Framing framing;
  uint64_t length;
  std::string text;
};

Result<std::string> read_all(BodyReader& body, ReadBuffer& in, ByteSource& source, size_t out) {
  std::string all;
  std::vector<char> piece(out);
  for (;;) {
    Result<size_t> got = body.read(in, source, piece);
    if (!got) return std::move(got).error();
    if (*got == 0) return all;
    all.append(piece.data(), *got);
  }
}

TEST(BodyReader, LeavesWhatFollowsTheBody) {
  for (const BodyCase& c :
       {BodyCase{Framing::length, 10, "0123456789"},
        BodyCase{Framing::chunked, 0, "3\r\n012\r\n7\r\n3456789\r\n0\r\nX-Sum: 1\r\n\r\n"}}) {
    for (size_t piece : {1, 2, 3, 7, 100}) {
      for (size_t out : {1, 4, 64}) {
        StringSource source(c.text + "GET /", piece);
        ReadBuffer in;
        BodyReader body;
        body.start(c.framing, c.length, 100);
        Result<std::string> all = read_all(body, in, source, out);
        ASSERT_TRUE(all) << all.error().to_string();
        EXPECT_EQ(*all, "0123456789");
        EXPECT_TRUE(body.at_end());
        EXPECT_EQ(std::string(in.view()) + source.left(), "GET /");
        EXPECT_EQ(body.trailers().get("x-sum"), c.framing == Framing::chunked ? "1" : "");
      }
    }
  }
}

TEST(BodyReader, NoticesABodyCutOff) {
  for (const BodyCase& c :
       {BodyCase{Framing::length, 10, "012345678"}, BodyCase{Framing::chunked, 0, "3\r\n012\r\n"},
        BodyCase{Framing::chunked, 0, "3\r\n01"}, BodyCase{Framing::chunked, 0, "0\r\n"},
        BodyCase{Framing::chunked, 0, "0\r\nX: y\r\n"}}) {
    StringSource source(c.text, 100);
    ReadBuffer in;
    BodyReader body;
    body.start(c.framing, c.length, 100);
    Result<std::string> all = read_all(body, in, source, 64);
    ASSERT_FALSE(all) << c.text;
    EXPECT_TRUE(is(all.error(), body_cut_off)) << c.text;
  }
}

TEST(BodyReader, BoundsTheBody) {
  for (const BodyCase& c : {BodyCase{Framing::until_close, 0, "0123456789"},
                            BodyCase{Framing::chunked, 0, "a\r\n0123456789\r\n0\r\n\r\n"}}) {
    for (uint64_t limit : {9, 10}) {
      StringSource source(c.text, 4);
      ReadBuffer in;
      BodyReader body;
      body.start(c.framing, c.length, limit);
      Result<std::string> all = read_all(body, in, source, 3);
      EXPECT_EQ(all.has_value(), limit == 10);
      EXPECT_TRUE(all.has_value() || is(all.error(), body_too_large));
    }
  }
}

TEST(ReadBuffer, KeepsAPinnedHeadInPlace) {
  ReadBuffer in;
  std::string head(6000, 'h'), body(5000, 'b');
  std::span<char> room = in.prepare(head.size());
  head.copy(room.data(), head.size());
  in.commit(head.size());
  std::string_view view = in.view();
  in.consume_pinned(head.size());
  for (int i = 0; i < 5; ++i) {
    room = in.prepare(body.size());
    ASSERT_GE(room.size(), body.size());
    body.copy(room.data(), body.size());
    in.commit(body.size());
    EXPECT_EQ(in.view(), body);
    in.consume(body.size());
    EXPECT_EQ(view, head);
  }
}

}  // namespace
}  // namespace sluice::http::internal
