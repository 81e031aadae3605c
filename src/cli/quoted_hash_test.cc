#include "cli/quoted_hash.h"

#include <gtest/gtest.h>

#include "report/report.h"

namespace leeward::cli {
namespace {

constexpr char kHash[] = "716ea55d0e5e3601684225e902b8200b3f7c8dfeb2a905612028eca3e92bfd9a";

TEST(QuotedHashTest, SixtyFourHexDigitsAreOneAndNothingElseIs) {
  EXPECT_EQ(*HashFrom(kHash), kHash);
  EXPECT_EQ(*HashFrom("716EA55D0E5E3601684225E902B8200B3F7C8DFEB2A905612028ECA3E92BFD9A"), kHash);
  const std::string hash = kHash;
  for (const std::string& wrong :
       {std::string(), hash.substr(1), hash + "0", hash.substr(1) + "g", " " + hash.substr(1)}) {
    EXPECT_EQ(HashFrom(wrong).error().code(), base::ErrorCode::kInvalid) << wrong;
  }
}

TEST(QuotedHashTest, EveryFormOfAReportQuotesIt) {
  report::Report report;
  report.application.name = model::ApplicationName("shop");
  report.journal_path = "/state/journal.lwj";
  report.journal_records = 7;
  report.journal_last_hash = kHash;
  for (const std::string& text : {report::ToHtml(report), report::ToJson(report),
                                  report::ToText(report, report::Colour::kNo)}) {
    const auto hash = HashInReport(text);
    ASSERT_TRUE(hash.ok()) << text;
    EXPECT_EQ(*hash, kHash);
  }
}

TEST(QuotedHashTest, NoneOrTwoAreNoReportsOfOneJournal) {
  const std::string hash = kHash, other(64, 'a');
  EXPECT_FALSE(HashInReport("").ok());
  EXPECT_FALSE(HashInReport("<code>" + hash + "0</code>").ok());
  EXPECT_FALSE(HashInReport("last hash " + hash.substr(1)).ok());
  EXPECT_TRUE(HashInReport("last hash " + hash + "\nlast hash " + hash).ok());
  EXPECT_NE(HashInReport("last hash " + hash + "\nlast hash " + other)
                .error()
                .message()
                .find("more than one"),
            std::string::npos);
}

}  // namespace
}  // namespace leeward::cli
