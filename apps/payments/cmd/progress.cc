// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

namespace payments_cmd {
namespace {

constexpr int64_t bar_width = 30;
constexpr sluice::Duration redraw_interval = std::chrono::milliseconds{100};

}  // namespace

ProgressBar::ProgressBar(int64_t total)
    : total_(std::max<int64_t>(total, 1)),
      shown_(isatty(STDERR_FILENO) == 1),
      start_(sluice::now()),
      last_(start_) {}

ProgressBar::~ProgressBar() {
  if (shown_) fputs("\r\033[K", stderr);
}

void ProgressBar::update(int64_t done, int64_t rows) {
  if (!shown_) return;
  const sluice::Instant now = sluice::now();
  if (now - last_ < redraw_interval) return;
  last_ = now;
  const std::chrono::duration<double> elapsed = now - start_;
  const std::string bar = render(done, total_, rows, static_cast<double>(rows) / elapsed.count());
  fprintf(stderr, "\r\033[K%s", bar.c_str());
}

std::string ProgressBar::render(int64_t done, int64_t total, int64_t rows, double rows_per_second) {
  const int64_t part = std::clamp<int64_t>(done, 0, total);
  const auto filled = static_cast<size_t>(bar_width * part / total);
  std::string percent = std::to_string(100 * part / total);
  percent.insert(0, 3 - std::min<size_t>(3, percent.size()), ' ');
  return "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "] " + percent +
         " %  " + with_commas(rows) + " rows  " +
         with_commas(static_cast<int64_t>(rows_per_second)) + "/s";
}

std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  const int64_t first = number < 0 ? 1 : 0;
  for (int64_t at = static_cast<int64_t>(text.size()) - 3; at > first; at -= 3)
    text.insert(static_cast<size_t>(at), 1, ',');
  return text;
}

}  // namespace payments_cmd
