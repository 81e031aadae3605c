#include "base/hmac_key.h"

#include <gtest/gtest.h>

namespace leeward::base {
namespace {

TEST(HmacKeyTest, SignsAsPublished) {
  // RFC 4231, cases 2 and 6: the key of the latter is longer than a block.
  EXPECT_EQ(HexEncode(AsView(HmacSha256Key("Jefe").Sign("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(HexEncode(AsView(HmacSha256Key(long_key).Sign(
                "Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacKeyTest, OneKeySignsManyMessages) {
  for (const std::size_t length : {0, 1, 63, 64, 65, 200}) {
    const std::string key(length, 'k');
    const HmacSha256Key prepared(key);
    for (const std::size_t size : {0, 1, 55, 64, 1000})
      EXPECT_EQ(prepared.Sign(std::string(size, 'm')), HmacSha256(key, std::string(size, 'm')))
          << length << ' ' << size;
  }
}

}  // namespace
}  // namespace leeward::base
