// SPDX-License-Identifier: Apache-2.0

#include "sluice/telemetry/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "sluice/telemetry/internal/log_line.h"

namespace sluice {
namespace {

constexpr int level_unknown = -1;

constinit std::atomic<int> level_min{level_unknown};
constinit std::atomic<LogSink*> log_sink{nullptr};

void write_line(Level level, std::string_view line) {
  // Acquire: pairs with the release in set_log_sink.
  if (LogSink* sink = log_sink.load(std::memory_order_acquire)) return sink->write(level, line);
  const int saved = errno;
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
  errno = saved;
}

Level level_of_environment() {
  const char* text = std::getenv("SLUICE_LOG");
  if (text == nullptr || *text == '\0') return Level::info;
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error})
    if (name_of(level) == text) return level;
  internal::LogLine line(wall(), Level::warn,
                         "SLUICE_LOG is none of debug, info, warn, error: using info");
  line.add({"SLUICE_LOG", text});
  write_line(Level::warn, line.finish());
  return Level::info;
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "unknown";
}

Level log_level() {
  // Relaxed: the level orders nothing else.
  int level = level_min.load(std::memory_order_relaxed);
  if (level == level_unknown) [[unlikely]] {
    const int from_environment = static_cast<int>(level_of_environment());
    // A level that was set meanwhile wins, and `level` becomes it.
    if (level_min.compare_exchange_strong(level, from_environment, std::memory_order_relaxed))
      level = from_environment;
  }
  return static_cast<Level>(level);
}

void set_log_level(Level level) {
  level_min.store(static_cast<int>(level), std::memory_order_relaxed);
}

void log(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < log_level()) return;
  internal::LogLine line(wall(), level, message);
  for (const Field& field : fields) line.add(field);
  write_line(level, line.finish());
}

LogSink* set_log_sink(LogSink* sink) {
  // Release: pairs with the acquire in write_line. Acquire: the caller may look into the old one.
  return log_sink.exchange(sink, std::memory_order_acq_rel);
}

}  // namespace sluice
