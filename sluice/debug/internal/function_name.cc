// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/function_name.h"

#include <cctype>
#include <cstddef>

namespace sluice::debug::internal {

namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// If `operator` begins at `at`: past its symbol, whose brackets are no brackets. "operator new" and
// "operator bool" have none; their space does not separate a return type.
size_t past_operator(std::string_view name, size_t at) {
  constexpr std::string_view word = "operator";
  if (name.substr(at, word.size()) != word) return at;
  if (at != 0 && is_name_character(name[at - 1])) return at;
  size_t end = at + word.size();
  if (end < name.size() && is_name_character(name[end])) return at;
  if (name.substr(end, 2) == "()" || name.substr(end, 2) == "[]") return end + 2;
  while (end < name.size() && std::string_view("<>=!+-*/%^&|~,").contains(name[end])) ++end;
  bool is_word = end == at + word.size() && name.substr(end, 1) == " ";
  return is_word || name.substr(end, 2) == " <" ? end + 1 : end;
}

struct Parts {
  size_t begin = 0;                     // past the return type
  size_t end = std::string_view::npos;  // where the parameters begin
};

// Scans once, counting brackets: a space outside them ends a return type, the last "(" outside them
// begins the parameters.
Parts take_apart(std::string_view name) {
  Parts parts;
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (size_t past = past_operator(name, i); past != i) i = past;
    if (i >= name.size()) break;
    char c = name[i];
    if (c == '(' && depth == 0) parts.end = i;
    if (c == '(' || c == '<' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '>' || c == '}' || c == ']') --depth;
    // "(anonymous namespace)::f", "f()::{lambda()#1}": those were no parameters.
    if (c == ':' && depth == 0) parts.end = std::string_view::npos;
    if (c == ' ' && depth == 0) {
      if (parts.end != std::string_view::npos) break;  // " const", " [clone ...]" behind them
      parts.begin = i + 1;
    }
  }
  return parts;
}

// "f<g(h(int))>" -> "f<g(...)>": a list of parameters in which there is another one.
std::string without_nested_lists(std::string_view name) {
  std::string out;
  size_t outermost = 0;  // where it began in `out`
  int depth = 0;
  bool nested = false;
  for (char c : name) {
    if (c == '(' && depth++ == 0) {
      outermost = out.size();
      nested = false;
    }
    nested = nested || depth > 1;
    out += c;
    if (c != ')' || depth == 0 || --depth != 0 || !nested) continue;
    out.resize(outermost);
    out += "(...)";
  }
  return out;
}

}  // namespace

std::string short_function_name(std::string_view demangled) {
  Parts parts = take_apart(demangled);
  size_t end = parts.end == std::string_view::npos ? demangled.size() : parts.end;
  if (end <= parts.begin) return std::string(demangled);
  std::string name(demangled.substr(parts.begin, end - parts.begin));
  constexpr std::string_view tag = "[abi:cxx11]";
  for (size_t at; (at = name.find(tag)) != std::string::npos;) name.erase(at, tag.size());
  return without_nested_lists(name);
}

}  // namespace sluice::debug::internal
