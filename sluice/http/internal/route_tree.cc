// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/route_tree.h"

#include <algorithm>

#include "sluice/base/assert.h"
#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/request_access.h"

namespace sluice::http::internal {
namespace {

// Cuts the first segment and its slash off `rest`; false when that was the last one.
bool next_segment(std::string_view& rest, std::string_view& segment) {
  size_t slash = rest.find('/');
  segment = rest.substr(0, slash);
  if (slash == std::string_view::npos) return false;
  rest.remove_prefix(slash + 1);
  return true;
}

// The text without its escapes, which the head's parser found well-formed.
std::string_view decoded(std::string_view text, Arena& arena) {
  if (text.find('%') == std::string_view::npos) return text;
  char* out = arena.allocate(text.size());
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out[size++] = char(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
      i += 2;
    } else {
      out[size++] = text[i];
    }
  }
  return {out, size};
}

template <class Literals>
auto lower_bound(Literals& literals, std::string_view text) {
  return std::lower_bound(literals.begin(), literals.end(), text,
                          [](const auto& entry, std::string_view t) { return entry.first < t; });
}

// Whether a path that ends at `node` is found: with a route for the method, or with any.
bool accepts(const RouteNode* node, const Request& request, bool any_method) {
  if (node == nullptr) return false;
  return any_method ? !node->routes.empty() : node->route(request) != nullptr;
}

// Depth is bounded by the patterns', not by the path's.
const RouteNode* match(const RouteNode& node, std::string_view rest, Request& request,
                       bool any_method) {
  std::string_view whole = rest, raw;
  bool more = next_segment(rest, raw);
  std::string_view segment = decoded(raw, RequestAccess::arena(request));
  size_t params = RequestAccess::params(request);

  auto literal = lower_bound(node.literals, segment);
  if (literal != node.literals.end() && literal->first == segment) {
    const RouteNode& child = *literal->second;
    const RouteNode* found = more ? match(child, rest, request, any_method) : &child;
    if (accepts(found, request, any_method)) return found;
    RequestAccess::drop_params(request, params);
  }
  if (node.one != nullptr && !segment.empty()) {
    RequestAccess::add_param(request, {}, segment);
    const RouteNode* found = more ? match(*node.one, rest, request, any_method) : node.one.get();
    if (accepts(found, request, any_method)) return found;
    RequestAccess::drop_params(request, params);
  }
  if (accepts(node.tail.get(), request, any_method)) {
    RequestAccess::add_param(request, {}, decoded(whole, RequestAccess::arena(request)));
    return node.tail.get();
  }
  return nullptr;
}

}  // namespace

const RouteNode::Route* RouteNode::route(const Request& request) const {
  const Route* get = nullptr;
  for (const Route& route : routes) {
    bool same = route.method == request.method() &&
                (route.method != Method::other || route.method_name == request.method_name());
    if (same) return &route;
    if (route.method == Method::get) get = &route;
  }
  return request.method() == Method::head ? get : nullptr;
}

std::string RouteNode::allowed() const {
  std::string names;
  bool has_head = std::any_of(routes.begin(), routes.end(),
                              [](const Route& route) { return route.method == Method::head; });
  for (const Route& route : routes) {
    if (!names.empty()) names += ", ";
    names += route.method_name;
    if (route.method == Method::get && !has_head) names += ", HEAD";
  }
  return names;
}

RouteNode& RouteNode::child(std::string_view segment, std::vector<std::string>& names) {
  bool opens = segment.starts_with('{'), closes = segment.ends_with('}');
  SLUICE_ASSERT(opens == closes && segment.find_first_of("{}", 1) >= segment.size() - closes,
                "router: a {name} fills its whole segment");
  if (!opens) {
    auto at = lower_bound(literals, segment);
    if (at == literals.end() || at->first != segment)
      at = literals.emplace(at, segment, std::make_unique<RouteNode>());
    return *at->second;
  }
  std::string_view name = segment.substr(1, segment.size() - 2);
  bool is_tail = name.ends_with("...");
  if (is_tail) name.remove_suffix(3);
  SLUICE_ASSERT(!name.empty(), "router: a parameter has a name");
  SLUICE_ASSERT(std::find(names.begin(), names.end(), name) == names.end(),
                "router: a parameter occurs twice in one pattern");
  names.emplace_back(name);
  std::unique_ptr<RouteNode>& slot = is_tail ? tail : one;
  if (slot == nullptr) slot = std::make_unique<RouteNode>();
  return *slot;
}

void RouteNode::add(std::string_view method, std::string_view pattern, Handler handler) {
  SLUICE_ASSERT(pattern.starts_with('/'), "router: a pattern starts with /");
  SLUICE_ASSERT(!method.empty() && all_are(method, kToken), "router: a method is a token");
  SLUICE_ASSERT(bool(handler), "router: a route has a handler");
  std::vector<std::string> names;
  RouteNode* node = this;
  std::string_view rest = pattern.substr(1), segment;
  for (bool more = true; more;) {
    more = next_segment(rest, segment);
    node = &node->child(segment, names);
    SLUICE_ASSERT(!more || !segment.ends_with("...}"), "router: {name...} is the last segment");
  }
  SLUICE_ASSERT(node->routes.empty() || node->pattern == pattern,
                "router: two patterns differ in parameter names only");
  for (const Route& route : node->routes)
    SLUICE_ASSERT(route.method_name != method, "router: method and pattern registered twice");
  node->pattern = pattern;
  node->names = std::move(names);
  node->routes.push_back({method_from_name(method), std::string(method), std::move(handler)});
}

const RouteNode* find_route(const RouteNode& root, Request& request) {
  RequestAccess::drop_params(request, 0);
  std::string_view path = request.path();
  if (!path.starts_with('/')) return nullptr;
  // A pattern that knows the method beats one that fits better but does not.
  const RouteNode* node = match(root, path.substr(1), request, false);
  if (node == nullptr) node = match(root, path.substr(1), request, true);
  if (node == nullptr) return nullptr;
  RequestAccess::name_params(request, node->names);
  RequestAccess::set_route(request, node->pattern);
  return node;
}

bool is_plain_path(Request& request) {
  std::string_view path = request.path();
  if (path.find("/.") == std::string_view::npos && path.find('%') == std::string_view::npos)
    return true;
  std::string_view rest = path, raw;
  for (bool more = true; more;) {
    more = next_segment(rest, raw);
    std::string_view segment = decoded(raw, RequestAccess::arena(request));
    if (segment == "." || segment == "..") return false;
    for (char c : segment)
      if (uint8_t(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

}  // namespace sluice::http::internal
