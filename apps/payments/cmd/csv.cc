// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/csv.h"

#include <limits>
#include <utility>

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;

constexpr size_t line_bytes_max = 16 * 1024;

// The length of the UTF-8 sequence at the front of `text` (RFC 3629); 0: it is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead < 0xf0) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead < 0xf5) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool beyond = lead == 0xf4 && byte(1) >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Takes a quoted field off the front of `rest`, which begins with the quote.
Result<std::string> take_quoted(std::string_view& rest) {
  std::string field;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != '"') {
      field += rest[i];
    } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
      field += rest[i++];
    } else {
      rest.remove_prefix(i + 1);
      if (!rest.empty() && rest[0] != ',')
        return Error{Code::invalid_argument, "text behind a closing quote"};
      return field;
    }
  }
  return Error{Code::invalid_argument, "a quote is not closed"};
}

std::string take_plain(std::string_view& rest) {
  const size_t comma = rest.find(',');
  std::string field{rest.substr(0, comma)};
  rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma);
  return field;
}

}  // namespace

Result<std::vector<std::string>> split_csv(std::string_view line) {
  if (line.size() > line_bytes_max)
    return Error{Code::invalid_argument,
                 "the line is longer than " + std::to_string(line_bytes_max) + " bytes"};
  if (!is_utf8(line)) return Error{Code::invalid_argument, "the line is not UTF-8"};
  std::vector<std::string> fields;
  for (;;) {
    fields.push_back(line.starts_with('"') ? SLUICE_TRY(take_quoted(line)) : take_plain(line));
    if (line.empty()) return fields;
    line.remove_prefix(1);  // the comma
  }
}

// One byte more than a line may have, and what istream::getline() wants for its terminator.
CsvReader::CsvReader(std::istream& in) : in_(in), buffer_(line_bytes_max + 2) {}

bool CsvReader::read_line(std::string& text) {
  in_.getline(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  std::streamsize taken = in_.gcount();
  if (in_.bad() || (taken == 0 && in_.eof())) return false;
  const bool is_too_long = in_.fail() && !in_.eof();
  const bool has_end = !in_.fail() && !in_.eof();
  text.assign(buffer_.data(), static_cast<size_t>(taken) - (has_end ? 1 : 0));
  if (is_too_long) {
    in_.clear();
    in_.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    taken += in_.gcount();
  }
  ++line_;
  bytes_ += taken;
  return true;
}

std::optional<CsvReader::Row> CsvReader::next() {
  std::string text;
  while (read_line(text)) {
    if (line_ == 1 && text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) continue;
    Result<std::vector<std::string>> fields = split_csv(text);
    return Row{.line = line_, .text = std::move(text), .fields = std::move(fields)};
  }
  return std::nullopt;
}

}  // namespace payments_cmd
