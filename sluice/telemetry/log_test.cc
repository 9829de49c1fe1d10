// SPDX-License-Identifier: Apache-2.0

#include "sluice/telemetry/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/error.h"

namespace sluice {
namespace {

class Lines : public LogSink {
 public:
  Lines() : before_(set_log_sink(this)), level_before_(log_level()) { set_log_level(Level::debug); }
  ~Lines() override {
    set_log_sink(before_);
    set_log_level(level_before_);
  }

  void write(Level level, std::string_view line) override {
    std::lock_guard lock(mutex_);
    levels_.push_back(level);
    lines_.emplace_back(line);
  }

  // The last line without its time and newline.
  std::string last() {
    std::lock_guard lock(mutex_);
    if (lines_.empty()) return "no line";
    const std::string& line = lines_.back();
    const size_t blank = line.find(' ');
    return line.substr(blank + 1, line.size() - blank - 2);
  }

  std::vector<std::string> all() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<Level> levels() {
    std::lock_guard lock(mutex_);
    return levels_;
  }

 private:
  std::mutex mutex_;
  std::vector<Level> levels_;
  std::vector<std::string> lines_;
  LogSink* before_;
  Level level_before_;
};

TEST(Log, WritesTimeLevelMessageAndFields) {
  Lines lines;
  log(Level::info, "listening", {{"address", "127.0.0.1:80"}, {"limit", 5}});
  ASSERT_EQ(lines.all().size(), 1u);
  const std::string line = lines.all()[0];
  EXPECT_EQ(line.substr(27), " info listening address=127.0.0.1:80 limit=5\n");
  EXPECT_EQ(line[10], 'T');
  EXPECT_EQ(line[26], 'Z');
}

TEST(Log, TimeIsTheWallClocksInUtc) {
  constexpr static internal::ClockSource source = {
      .now = [] { return Instant(); },
      .wall =
          [] {
            // 2024-02-29T23:59:59.000007Z
            return std::chrono::system_clock::time_point(std::chrono::seconds(1709251199) +
                                                         std::chrono::microseconds(7));
          },
  };
  Lines lines;
  internal::set_clock_source(&source);
  log(Level::info, "leap");
  internal::set_clock_source(nullptr);
  EXPECT_EQ(lines.all()[0], "2024-02-29T23:59:59.000007Z info leap\n");
}

TEST(Log, FieldsTakeWhatIsUsuallyLogged) {
  using namespace std::chrono_literals;
  Lines lines;
  const Error error = wrap(Error(Code::not_found, "no row"), "load");
  log(Level::error, "m",
      {{"text", std::string("t")},
       {"literal", "l"},
       {"bool", true},
       {"int", -3},
       {"size", size_t{18446744073709551615u}},
       {"real", 0.25},
       {"error", error},
       {"took", Duration(50300us)}});
  EXPECT_EQ(lines.last(),
            "error m text=t literal=l bool=true int=-3 size=18446744073709551615 real=0.25 "
            "error=\"load: no row\" took=50.3ms");
}

TEST(Log, DurationsHaveAUnitThatFits) {
  struct {
    Duration duration;
    std::string_view text;
  } const cases[] = {
      {Duration(0), "0ns"},
      {Duration(999), "999ns"},
      {Duration(1'500), "1.5us"},
      {Duration(-2'000'000), "-2ms"},
      {Duration(90'000'000'000), "90s"},
      {Duration::min(), "-9.22337e+09s"},
  };
  for (const auto& [duration, text] : cases) {
    Lines lines;
    log(Level::info, "m", {{"d", duration}});
    EXPECT_EQ(lines.last(), "info m d=" + std::string(text));
  }
}

TEST(Log, ValuesAreQuotedWhenTheyMustBe) {
  struct {
    std::string_view value;
    std::string_view written;
  } const cases[] = {
      {"plain/value:1,2;3", "plain/value:1,2;3"},
      {"", R"("")"},
      {"two words", R"("two words")"},
      {"a=b", R"("a=b")"},
      {"say \"x\"", R"("say \"x\"")"},
      {"back\\slash", R"("back\\slash")"},
      {"\u00e9\u20ac\U0001F600", "\u00e9\u20ac\U0001F600"},
  };
  for (const auto& [value, written] : cases) {
    Lines lines;
    log(Level::info, "m", {{"v", value}});
    EXPECT_EQ(lines.last(), "info m v=" + std::string(written));
  }
}

TEST(Log, HostileValuesForgeNothing) {
  struct {
    std::string_view value;
    std::string_view written;
  } const cases[] = {
      {"x\n2026-01-01T00:00:00.000000Z info forged",
       R"("x\n2026-01-01T00:00:00.000000Z info forged")"},
      {"\r\t", R"("\r\t")"},
      {"x\" admin=\"true", R"("x\" admin=\"true")"},
      {"\x1b[2J", R"("\x1b[2J")"},            // a terminal's escape sequence
      {"\u009b2J", R"("\u009b2J")"},          // the same as one C1 character
      {"a\u2028b", R"("a\u2028b")"},          // a line separator
      {"\u202e\u2066", R"("\u202e\u2066")"},  // right to left from here on
      {"\xff\xc3", R"("\xff\xc3")"},          // not UTF-8
      {std::string_view("\0", 1), R"("\x00")"},
      {"\x7f", R"("\x7f")"},
  };
  for (const auto& [value, written] : cases) {
    Lines lines;
    log(Level::info, "m", {{"v", value}});
    EXPECT_EQ(lines.last(), "info m v=" + std::string(written));
  }
}

TEST(Log, HostileMessageForgesNothing) {
  Lines lines;
  log(Level::info, "two words");
  EXPECT_EQ(lines.last(), "info two words");
  log(Level::info, "x user=root");
  EXPECT_EQ(lines.last(), R"(info "x user=root")");
  log(Level::info, "x\ny");
  EXPECT_EQ(lines.last(), R"(info "x\ny")");
}

TEST(Log, KeysAreNamesOnly) {
  Lines lines;
  log(Level::info, "m", {{"a b=\n\"", 1}, {std::string(100, 'k'), 2}});
  EXPECT_EQ(lines.last(), "info m a_b___=1 " + std::string(64, 'k') + "=2");
}

TEST(Log, LongLineIsCutBetweenCharacters) {
  Lines lines;
  std::string text;
  while (text.size() < 10'000) text += "\u20ac ";
  log(Level::info, "m", {{"v", text}, {"lost", 1}});
  const std::string line = lines.all()[0];
  EXPECT_LE(line.size(), 4096u);
  EXPECT_GT(line.size(), 4000u);
  EXPECT_TRUE(line.ends_with("\" truncated=true\n"));
  const std::string kept = line.substr(0, line.size() - 17);
  EXPECT_TRUE(kept.ends_with("\u20ac") || kept.ends_with(" "));
}

TEST(Log, LineThatJustFitsIsWhole) {
  const std::string_view mark = "truncated=true";
  for (size_t size = 3900; size < 4200; ++size) {
    Lines lines;
    log(Level::info, "m", {{"v", std::string(size, 'x')}});
    const std::string line = lines.all()[0];
    ASSERT_LE(line.size(), 4096u);
    ASSERT_EQ(line.back(), '\n');
    const auto kept = static_cast<size_t>(std::count(line.begin(), line.end(), 'x'));
    ASSERT_EQ(line.find(mark) == std::string::npos, kept == size) << size;
  }
}

TEST(Log, LowerLevelsAreLeftOut) {
  Lines lines;
  set_log_level(Level::warn);
  log(Level::debug, "1");
  log(Level::info, "2");
  log(Level::warn, "3");
  log(Level::error, "4");
  EXPECT_EQ(lines.levels(), (std::vector{Level::warn, Level::error}));
}

TEST(Log, SinkIsReplacedAndGivenBack) {
  Lines outer;
  {
    Lines inner;
    log(Level::info, "inner");
    EXPECT_EQ(inner.all().size(), 1u);
  }
  log(Level::info, "outer");
  EXPECT_EQ(outer.all().size(), 1u);
}

TEST(Log, KeepsErrno) {
  Lines lines;
  errno = ENOENT;
  log(Level::info, "m");
  EXPECT_EQ(errno, ENOENT);
}

// Reads what `fn` writes to standard error, which is a pipe as long as it runs.
template <class F>
std::string standard_error_of(F fn) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  fn();
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(ends[1]);
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = ::read(ends[0], piece, sizeof(piece))) > 0;)
    text.append(piece, static_cast<size_t>(n));
  ::close(ends[0]);
  return text;
}

TEST(Log, GoesToStandardErrorByDefault) {
  const std::string text = standard_error_of([] { log(Level::error, "to stderr"); });
  EXPECT_TRUE(text.ends_with(" error to stderr\n")) << text;
}

// Packet mode (O_DIRECT) keeps the writes to a pipe apart.
TEST(Log, LineIsOneWrite) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_DIRECT | O_NONBLOCK), 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  log(Level::error, "first", {{"a", 1}, {"b", "x y"}});
  log(Level::error, "second");
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  char packet[8192];
  const ssize_t first = ::read(ends[0], packet, sizeof(packet));
  ASSERT_GT(first, 0);
  EXPECT_TRUE(std::string_view(packet, static_cast<size_t>(first)).ends_with("b=\"x y\"\n"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Log, ThreadsDoNotMixTheirLines) {
  Lines lines;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([i] {
      for (int n = 0; n < 500; ++n) log(Level::info, "from", {{"thread", i}, {"n", n}});
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines.all().size(), 2000u);
  for (const std::string& line : lines.all()) EXPECT_EQ(line.find('\n'), line.size() - 1);
}

// Each in a process of its own, since the environment is read once.
void exit_with_level(const char* environment) {
  ::setenv("SLUICE_LOG", environment, 1);
  std::exit(static_cast<int>(log_level()));
}

TEST(LogDeathTest, EnvironmentSetsTheLevel) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_with_level("debug"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_with_level(""), testing::ExitedWithCode(1), "");
  EXPECT_EXIT(exit_with_level("warn"), testing::ExitedWithCode(2), "");
  EXPECT_EXIT(exit_with_level("error"), testing::ExitedWithCode(3), "");
}

TEST(LogDeathTest, WrongEnvironmentIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_with_level("loud\n"), testing::ExitedWithCode(1),
              "warn SLUICE_LOG is none of debug, info, warn, error: using info "
              "SLUICE_LOG=\"loud.n\"\n");
}

}  // namespace
}  // namespace sluice
