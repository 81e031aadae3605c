#include "lab/items/base64.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::MessageOf;

TEST(Base64, GoesThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    AppendBase64(bytes, text);
    EXPECT_EQ(text, base::Base64Encode(bytes));
    const auto back = DecodeBase64(text);
    ASSERT_TRUE(back.ok()) << text;
    EXPECT_EQ(*back, bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(Base64, AppendsBehindWhatIsThere) {
  std::string out = "x";
  AppendBase64("a", out);
  EXPECT_EQ(out, "xYQ==");
}

TEST(Base64, RefusesWhatIsNone) {
  EXPECT_EQ(MessageOf(DecodeBase64("YQ")),
            "Base64 encoded length is expected a multiple of 4 bytes but found: 2");
  EXPECT_EQ(MessageOf(DecodeBase64("YR==")), "Invalid last non-pad Base64 character dectected");
  EXPECT_EQ(MessageOf(DecodeBase64("Y===")), "Invalid Base64 character: '='");
  EXPECT_EQ(MessageOf(DecodeBase64("YQ*=")), "Invalid Base64 character: '*'");
  EXPECT_EQ(MessageOf(DecodeBase64("=QAA")), "Invalid Base64 character: '='");
  EXPECT_EQ(MessageOf(DecodeBase64("YWI\n")), "Invalid Base64 character: '\n'");
  EXPECT_EQ(DecodeBase64("YR==").error().code, "SerializationException");
}

}  // namespace
}  // namespace leeward::lab::items
