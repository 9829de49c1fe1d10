// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/headers.h"

#include "sluice/http/internal/chars.h"

namespace sluice::http {
namespace {

using internal::equals_ignoring_case;

bool valid(std::string_view name, std::string_view value) {
  return !name.empty() && internal::all_are(name, internal::kToken) &&
         internal::value_prefix(value.data(), value.data() + value.size()) == value.size();
}

}  // namespace

Headers::Headers(const Headers& other) {
  fields_.reserve(other.size());
  for (const Field& field : other)
    fields_.push_back({text_.copy(field.name), text_.copy(field.value)});
}

Headers& Headers::operator=(const Headers& other) {
  if (this != &other) *this = Headers(other);
  return *this;
}

bool Headers::add(std::string_view name, std::string_view value) {
  value = internal::trim(value);
  if (!valid(name, value)) return false;
  fields_.push_back({text_.copy(name), text_.copy(value)});
  return true;
}

bool Headers::set(std::string_view name, std::string_view value) {
  value = internal::trim(value);
  if (!valid(name, value)) return false;
  // The arguments may be views of the very field that is replaced; copies outlive the removal.
  Field field{text_.copy(name), text_.copy(value)};
  remove(field.name);
  fields_.push_back(field);
  return true;
}

size_t Headers::remove(std::string_view name) {
  return std::erase_if(fields_,
                       [&](const Field& field) { return equals_ignoring_case(field.name, name); });
}

void Headers::clear() {
  fields_.clear();
  text_.clear();
}

std::string_view Headers::get(std::string_view name) const {
  for (const Field& field : fields_)
    if (equals_ignoring_case(field.name, name)) return field.value;
  return {};
}

bool Headers::contains(std::string_view name) const { return count(name) != 0; }

size_t Headers::count(std::string_view name) const {
  size_t n = 0;
  for (const Field& field : fields_) n += equals_ignoring_case(field.name, name);
  return n;
}

}  // namespace sluice::http
