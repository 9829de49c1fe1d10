// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/function_name.h"

#include <gtest/gtest.h>

namespace sluice::debug::internal {
namespace {

struct Case {
  const char* demangled;
  const char* expected;
};

class FunctionName : public testing::TestWithParam<Case> {};

TEST_P(FunctionName, IsShort) {
  EXPECT_EQ(short_function_name(GetParam().demangled), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Names, FunctionName,
    testing::Values(
        Case{"main", "main"}, Case{"sluice::yield()", "sluice::yield"},
        Case{"sluice::Channel<int>::receive() const", "sluice::Channel<int>::receive"},
        Case{"ns::f(std::vector<int, std::allocator<int> > const&, void (*)(int))", "ns::f"},
        Case{"void sluice::go<main::{lambda()#1}>(main::{lambda()#1}&&)",
             "sluice::go<main::{lambda()#1}>"},
        Case{"unsigned long std::max<int>(int)", "std::max<int>"},
        Case{"main::{lambda()#1}::operator()() const", "main::{lambda()#1}::operator()"},
        Case{"f(int)::{lambda(int)#2}::operator()(int) const [clone .isra.0]",
             "f(int)::{lambda(int)#2}::operator()"},
        Case{"(anonymous namespace)::serve(int) [clone .cold]", "(anonymous namespace)::serve"},
        Case{"std::map<int, f>::operator[](int const&)", "std::map<int, f>::operator[]"},
        Case{"bool operator< <int>(A<int> const&, A<int> const&)", "operator< <int>"},
        Case{"ns::A::operator->() const", "ns::A::operator->"},
        Case{"ns::A::operator bool() const", "ns::A::operator bool"},
        Case{"operator new(unsigned long)", "operator new"},
        Case{"ns::co_operator(int)", "ns::co_operator"},
        Case{"ns::text[abi:cxx11](int)", "ns::text"}, Case{"", ""}, Case{"(", "("},
        Case{"void run<g(void (*)(int), f())::{lambda(int)#1}>(int)",
             "run<g(...)::{lambda(int)#1}>"},
        Case{"f((anonymous namespace)::A)::{lambda()#1}::operator()() const",
             "f(...)::{lambda()#1}::operator()"},
        Case{"visit<f(int)::<lambda(g<void()>)>, std::variant<int> >",
             "visit<f(int)::<lambda(...)>, std::variant<int> >"},
        Case{"operator", "operator"}, Case{"a)b>c", "a)b>c"}));

}  // namespace
}  // namespace sluice::debug::internal
