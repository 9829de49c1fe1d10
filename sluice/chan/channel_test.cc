// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/channel.h"

#include <gtest/gtest.h>

#include "sluice/chan/select.h"
#include "sluice/runtime/runtime.h"
using namespace sluice;
TEST(Channel, Smoke) {
  Runtime rt{{.max_procs = 2}};
  rt.block_on([&] {
    Channel<int> c;
    Channel<int> d{3};
    go([&] {
      for (int i = 0; i < 1000; ++i) c.send(i);
      c.close();
    });
    go([&] {
      for (int i = 0; i < 1000; ++i) d.send(i);
      d.close();
    });
    long s = 0;
    int open = 2;
    Channel<int> cc = c, dd = d;
    while (open)
      select(on_receive(cc,
                        [&](std::optional<int> v) {
                          if (v)
                            s += *v;
                          else {
                            cc = Channel<int>::nil();
                            --open;
                          }
                        }),
             on_receive(dd, [&](std::optional<int> v) {
               if (v)
                 s += *v;
               else {
                 dd = Channel<int>::nil();
                 --open;
               }
             }));
    EXPECT_EQ(s, 999 * 1000);
    EXPECT_EQ(select(on_receive(Channel<Unit>{}), on_timeout(std::chrono::milliseconds(3))), 1u);
    EXPECT_EQ(select(on_receive(Channel<Unit>{}), on_default()), 1u);
    EXPECT_EQ(select(on_receive(Channel<Unit>{}), on_receive(Channel<Unit>{}), on_default()), 2u);
  });
}
