// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/service_thread.h"

#include <signal.h>

#include <gtest/gtest.h>

namespace sluice::debug::internal {
namespace {

TEST(ServiceThread, HandlesNoSignals) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  Result<pthread_t> thread = start_service_thread(
      [](void* blocked) -> void* {
        ::pthread_sigmask(SIG_SETMASK, nullptr, static_cast<sigset_t*>(blocked));
        return blocked;
      },
      &blocked);
  ASSERT_TRUE(thread);
  void* returned = nullptr;
  EXPECT_EQ(::pthread_join(*thread, &returned), 0);
  EXPECT_EQ(returned, &blocked);
  for (int signal : {SIGQUIT, SIGPROF, SIGTERM, SIGUSR1})
    EXPECT_EQ(::sigismember(&blocked, signal), 1) << signal;
  EXPECT_EQ(::sigismember(&blocked, SIGURG), 0) << "the runtime stops threads with it";
  sigset_t here;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(::sigismember(&here, SIGQUIT), 0);
}

}  // namespace
}  // namespace sluice::debug::internal
