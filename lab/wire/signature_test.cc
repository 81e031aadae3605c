#include "lab/wire/signature.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "shapes/protocol_cases.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string ReadAll(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The cases are HTTP text, some with white space in the target or folded headers.
Request ParseHttp(const std::string& text) {
  Request request;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  const auto first = line.find(' ');
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, line.rfind(" HTTP/") - first - 1);
  while (std::getline(in, line) && !line.empty()) {
    if (line[0] == ' ') {
      request.headers.back().second += " " + std::string(Trim(line));
      continue;
    }
    request.headers.emplace_back(line.substr(0, line.find(':')), line.substr(line.find(':') + 1));
  }
  std::string rest((std::istreambuf_iterator<char>(in)), {});
  request.body = rest;
  return request;
}

void CheckCase(const std::filesystem::path& folder, const std::string& way) {
  SCOPED_TRACE(folder.filename().string() + " " + way);
  const Request request = ParseHttp(ReadAll(folder / (way + "-signed-request.txt")));
  Claim claim;
  const AuthOutcome read = ReadClaim(request, &claim);
  ASSERT_TRUE(read.ok()) << read.detail;
  const bool as_sent =
      ReadAll(folder / "context.json").find("\"normalize\": false") != std::string::npos;
  // The unnormalised cases encode the path, as the normalised ones do, which is neither of the
  // services' rules.
  if (as_sent) return;
  EXPECT_EQ(CanonicalRequest(request, claim, PathRule::kNormalised),
            ReadAll(folder / (way + "-canonical-request.txt")));
  const auto now = base::ParseAmzDate(claim.time);
  const AuthOutcome checked = CheckSignature(request, claim, kSecret, *now);
  EXPECT_TRUE(checked.ok()) << checked.detail;
  EXPECT_EQ(CheckSignature(request, claim, "another", *now).problem, AuthProblem::kMismatch);
}

TEST(SignatureTest, PublishedCasesAreAccepted) {
  if (shapes::VectorsFolder().empty()) {
    fmt::print("the published signing cases are not here (LEEWARD_VECTORS): not run\n");
    return;
  }
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(shapes::VectorsFolder()) + "/sigv4")) {
    CheckCase(entry.path(), "header");
    // Its token is added after signing, which no service of the lab allows.
    if (entry.path().filename() != "post-sts-header-after") CheckCase(entry.path(), "query");
  }
}

Request Signed(Request request, const std::string& time) {
  Claim claim{.access_key = "AK",
              .date = time.substr(0, 8),
              .region = "us-east-1",
              .service = "sts",
              .time = time};
  claim.signed_headers = {"host", "x-amz-date"};
  request.headers.emplace_back("Host", "h");
  request.headers.emplace_back("X-Amz-Date", time);
  const auto signature = Signature(
      claim, kSecret, StringToSign(claim, CanonicalRequest(request, claim, PathRule::kNormalised)));
  request.headers.emplace_back(
      "Authorization", fmt::format("AWS4-HMAC-SHA256 Credential=AK/{}/us-east-1/sts/aws4_request, "
                                   "SignedHeaders=host;x-amz-date, Signature={}",
                                   claim.date, signature));
  return request;
}

TEST(SignatureTest, ChangedRequestsAndStaleOnesAreRefused) {
  const std::string time = "20261123T080000Z";
  const base::WallTime now = *base::ParseAmzDate(time);
  const Request good = Signed({"POST", "/", {}, "Action=GetCallerIdentity"}, time);
  const auto check = [&](const Request& request, base::WallTime at) {
    Claim claim;
    const AuthOutcome outcome = ReadClaim(request, &claim);
    return outcome.ok() ? CheckSignature(request, claim, kSecret, at).problem : outcome.problem;
  };
  EXPECT_EQ(check(good, now), AuthProblem::kNone);
  Request changed = good;
  changed.body += "x";
  EXPECT_EQ(check(changed, now), AuthProblem::kMismatch);
  EXPECT_EQ(check(good, now + std::chrono::minutes(16)), AuthProblem::kSkewed);
  EXPECT_EQ(check(good, now - std::chrono::minutes(16)), AuthProblem::kSkewed);
  Request unsigned_one{"POST", "/", {}, ""};
  EXPECT_EQ(check(unsigned_one, now), AuthProblem::kMissing);
  unsigned_one.headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=AK");
  EXPECT_EQ(check(unsigned_one, now), AuthProblem::kIncomplete);
}

TEST(SignatureTest, APresignedRequestHoldsForAWeekAtMost) {
  const auto problem = [](std::string_view expires) {
    Claim claim;
    return ReadClaim({"GET",
                      fmt::format("/?X-Amz-Credential=AK/20261123/us-east-1/sts/aws4_request&X-Amz-"
                                  "Signature=0a&X-Amz-SignedHeaders=host&X-Amz-Date="
                                  "20261123T080000Z&X-Amz-Algorithm=AWS4-HMAC-SHA256&"
                                  "X-Amz-Expires={}",
                                  expires),
                      {},
                      ""},
                     &claim)
        .problem;
  };
  EXPECT_EQ(problem("604800"), AuthProblem::kNone);
  EXPECT_EQ(problem("604801"), AuthProblem::kIncomplete);
  // As nanoseconds it does not fit 64 bits, and what is left of it would be short.
  EXPECT_EQ(problem("18446744074"), AuthProblem::kIncomplete);
}

}  // namespace
}  // namespace leeward::lab::wire
