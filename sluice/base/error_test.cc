// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/error.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

constexpr ErrorSentinel end_of_file{Code::out_of_range, "EOF"};
constexpr ErrorSentinel other_end{Code::out_of_range, "EOF"};

struct Limit {
  int value;
};

TEST(Error, IsOneWord) { EXPECT_EQ(sizeof(Error), sizeof(void*)); }

TEST(Error, HoldsCodeAndMessage) {
  const Error error(Code::not_found, "no such user");
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_EQ(error.message(), "no such user");
  EXPECT_EQ(error.cause(), nullptr);
}

TEST(Error, LongMessageIsKeptWhole) {
  const std::string message(5000, 'm');
  EXPECT_EQ(Error(Code::internal, message).message(), message);
}

TEST(Error, EmptyMessageShowsAsTheCodesName) {
  EXPECT_EQ(Error(Code::aborted, "").to_string(), "ABORTED");
}

TEST(ErrorDeathTest, CodeOkIsABug) {
  EXPECT_DEATH((void)Error(Code::ok, "fine"), "an Error with Code::ok");
}

TEST(Error, CopyAllocatesNothing) {
  const Error error(Code::not_found, "a message that is too long to live inside a std::string");
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  const Error copy = error;
  EXPECT_EQ(allocs.objects(), 0u);
  EXPECT_EQ(copy.message().data(), error.message().data());
}

TEST(Error, CopyOutlivesTheOriginal) {
  auto original = std::make_unique<Error>(Code::not_found, "gone");
  const Error copy = *original;
  original.reset();
  EXPECT_EQ(copy.message(), "gone");
}

TEST(Error, CopyAssignmentToItselfKeepsIt) {
  Error error(Code::not_found, "self");
  const Error& alias = error;
  error = alias;
  EXPECT_EQ(error.message(), "self");
}

TEST(Error, MoveAssignmentToItselfKeepsIt) {
  Error error(Code::not_found, "self");
  Error& alias = error;
  error = std::move(alias);
  EXPECT_EQ(error.message(), "self");
}

TEST(Error, AssignmentReplaces) {
  Error error(Code::not_found, "first");
  const Error second(Code::aborted, "second");
  error = second;
  EXPECT_EQ(error.message(), "second");
  error = Error(Code::internal, "third");
  EXPECT_EQ(error.message(), "third");
}

TEST(Error, MovedFromIsUsable) {
  Error error(Code::not_found, "moved");
  const Error target = std::move(error);
  EXPECT_EQ(target.message(), "moved");
  EXPECT_TRUE(is(error, moved_from_error));  // NOLINT(bugprone-use-after-move): the claim
  EXPECT_EQ(error.to_string(), "moved-from error");
  error = target;
  EXPECT_EQ(error.message(), "moved");
  Error assigned(Code::aborted, "old");
  assigned = std::move(error);
  EXPECT_EQ(assigned.message(), "moved");
  EXPECT_TRUE(is(error, moved_from_error));  // NOLINT(bugprone-use-after-move): the claim
}

TEST(Error, SharedByThreadsIsFreedOnce) {
  Error error = wrap(Error(Code::unavailable, "shared"), "by all");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([copy = error] {
      for (int round = 0; round < 10'000; ++round) {
        const Error mine = copy;
        ASSERT_EQ(mine.cause()->message(), "shared");
      }
    });
  error = Error(end_of_file);
  for (std::thread& thread : threads) thread.join();
}

TEST(ErrorSentinel, MakesErrorsWithoutAllocating) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  const Error error = end_of_file;
  const Error copy = error;
  EXPECT_EQ(allocs.objects(), 0u);
  EXPECT_EQ(copy.message(), "EOF");
  EXPECT_EQ(copy.code(), Code::out_of_range);
}

TEST(ErrorSentinel, IsFoundByIdentity) {
  EXPECT_TRUE(is(Error(end_of_file), end_of_file));
  EXPECT_FALSE(is(Error(other_end), end_of_file));
  EXPECT_FALSE(is(Error(Code::out_of_range, "EOF"), end_of_file));
}

TEST(ErrorSentinel, IsFoundDownTheCauses) {
  EXPECT_TRUE(is(wrap(wrap(end_of_file, "read header"), "serve"), end_of_file));
}

TEST(Wrap, PrintsOuterBeforeInner) {
  const Error root(Code::not_found, "open a.toml: No such file or directory");
  EXPECT_EQ(wrap(wrap(root, "read config"), "start").to_string(),
            "start: read config: open a.toml: No such file or directory");
}

TEST(Wrap, KeepsTheCausesCode) {
  EXPECT_EQ(wrap(Error(Code::data_loss, "inner"), "outer").code(), Code::data_loss);
}

TEST(Wrap, MayGiveACodeOfItsOwn) {
  const Error error = wrap(Error(Code::not_found, "row"), Code::internal, "ledger");
  EXPECT_EQ(error.code(), Code::internal);
  EXPECT_EQ(error.cause()->code(), Code::not_found);
}

TEST(Wrap, CauseIsTheErrorItself) {
  const Error inner(Code::aborted, "inner");
  const Error outer = wrap(inner, "outer");
  ASSERT_NE(outer.cause(), nullptr);
  EXPECT_TRUE(is(*outer.cause(), inner));
  EXPECT_EQ(outer.message(), "outer");
}

TEST(Wrap, LongChainIsFreedWithoutRecursion) {
  Error error(Code::internal, "root");
  for (int depth = 0; depth < 1'000'000; ++depth) error = wrap(std::move(error), "link");
  EXPECT_TRUE(is(error, Code::internal));
}

TEST(Wrap, SharedCauseOutlivesOneOfItsChains) {
  const Error root(Code::internal, "root");
  const Error kept = wrap(root, "kept");
  {
    const Error dropped = wrap(kept, "dropped");
  }
  EXPECT_EQ(kept.to_string(), "kept: root");
}

TEST(Is, FindsACodeAnywhereInTheChain) {
  const Error error = wrap(Error(Code::not_found, "row"), Code::internal, "ledger");
  EXPECT_TRUE(is(error, Code::internal));
  EXPECT_TRUE(is(error, Code::not_found));
  EXPECT_FALSE(is(error, Code::aborted));
}

TEST(Is, FindsACopyButNotAnEqual) {
  const Error error(Code::internal, "same");
  EXPECT_TRUE(is(wrap(error, "outer"), error));
  EXPECT_FALSE(is(error, Error(Code::internal, "same")));
}

TEST(Detail, IsFoundByItsType) {
  const Error error = Error(Code::resource_exhausted, "full").with(Limit{42});
  ASSERT_NE(error.detail<Limit>(), nullptr);
  EXPECT_EQ(error.detail<Limit>()->value, 42);
  EXPECT_EQ(error.detail<int>(), nullptr);
}

TEST(Detail, LeavesCodeMessageCauseAndIdentity) {
  const Error plain = wrap(end_of_file, "read");
  const Error error = plain.with(Limit{1});
  EXPECT_EQ(error.code(), Code::out_of_range);
  EXPECT_EQ(error.message(), "read");
  EXPECT_EQ(error.to_string(), "read: EOF");
  EXPECT_TRUE(is(*error.cause(), end_of_file));
  EXPECT_TRUE(is(error, plain));
  EXPECT_FALSE(is(plain, error));
}

TEST(Detail, SentinelTakesOne) {
  const Error error = Error(end_of_file).with(Limit{9});
  EXPECT_TRUE(is(error, end_of_file));
  EXPECT_EQ(error.detail<Limit>()->value, 9);
}

TEST(Detail, SeveralTypesLieSideBySide) {
  const Error error = Error(Code::internal, "both").with(Limit{1}).with(std::string("text"));
  EXPECT_EQ(error.detail<Limit>()->value, 1);
  EXPECT_EQ(*error.detail<std::string>(), "text");
}

TEST(Detail, LaterOneOfATypeIsFound) {
  const Error error = Error(Code::internal, "twice").with(Limit{1}).with(Limit{2});
  EXPECT_EQ(error.detail<Limit>()->value, 2);
}

TEST(Detail, MayBeMoveOnly) {
  const Error error = Error(Code::internal, "owned").with(std::make_unique<int>(3));
  EXPECT_EQ(**error.detail<std::unique_ptr<int>>(), 3);
}

TEST(Detail, OfACauseIsNotOfTheLinkAbove) {
  const Error error = wrap(Error(Code::internal, "inner").with(Limit{5}), "outer");
  EXPECT_EQ(error.detail<Limit>(), nullptr);
}

TEST(As, FindsADetailDownTheCauses) {
  const Error error = wrap(wrap(Error(Code::internal, "inner").with(Limit{5}), "middle"), "outer");
  ASSERT_NE(as<Limit>(error), nullptr);
  EXPECT_EQ(as<Limit>(error)->value, 5);
  EXPECT_EQ(as<int>(error), nullptr);
}

TEST(As, FindsTheOutermostOne) {
  const Error inner = Error(Code::internal, "inner").with(Limit{1});
  EXPECT_EQ(as<Limit>(wrap(inner, "outer").with(Limit{2}))->value, 2);
}

}  // namespace
}  // namespace sluice
