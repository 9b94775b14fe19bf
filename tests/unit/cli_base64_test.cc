#include <gtest/gtest.h>

#include "cli/base64.h"

namespace wq::cli {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, IsReadBack) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) {
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
    bytes += static_cast<char>(value);
  }
}

TEST(Base64, WithAnythingElseInItIsRefused) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "=", "Z===", "Zh==", "Zg==\n", " Zg==", "Zm9v\n",
                           "Zm9v YmFy", "Zm-_", "Zg==Zg==", "====", "Zm9v====", "Z===Zg=="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace wq::cli
