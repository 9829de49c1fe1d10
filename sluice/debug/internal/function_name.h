// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace sluice::debug::internal {

// "void ns::go<main::{lambda()#1}>(main::{lambda()#1}&&) [clone .isra.0]" without what a stack
// trace need not repeat: "ns::go<main::{lambda()#1}>". Of parameters with parameters, as in
// "run<g(void (*)(int))>", "run<g(...)>" is left: Go's functions have no parentheses inside others,
// and parsers of its traces refuse them.
std::string short_function_name(std::string_view demangled);

}  // namespace sluice::debug::internal
