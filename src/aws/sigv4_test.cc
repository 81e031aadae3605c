#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/bytes.h"
#include "shapes/protocol_cases.h"

namespace leeward::aws {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Files end with or without a line feed; what they hold never does.
std::string ReadExpected(const fs::path& path) {
  std::string text = ReadFile(path);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

struct Case {
  Signable request;
  Credentials credentials;
  SigningScope scope;
  base::Duration valid_for{};
  SigningOptions options;
};

// A line that begins with a blank goes on with the header before it.
void AddHeaderLine(ports::Headers& headers, const std::string& line) {
  if (line.starts_with(' ') && !headers.empty()) {
    headers.back().second += line;
    return;
  }
  const std::size_t colon = line.find(':');
  headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
}

Signable ReadRequest(const std::string& text) {
  Signable request;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  request.method = line.substr(0, first);
  const std::string target = line.substr(first + 1, last - first - 1);
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  request.query = ParseQuery(std::string_view(target).substr(std::min(target.size(), mark + 1)));
  while (std::getline(in, line) && !line.empty()) AddHeaderLine(request.headers, line);
  std::stringstream body;
  if (in) body << in.rdbuf();
  request.payload_hash = base::Sha256Hex(body.str());
  return request;
}

Case ReadCase(const fs::path& folder) {
  const auto context = nlohmann::json::parse(ReadFile(folder / "context.json"));
  const auto& keys = context["credentials"];
  Case out;
  out.request = ReadRequest(ReadFile(folder / "request.txt"));
  out.credentials = {.access_key_id = keys["access_key_id"],
                     .secret_access_key = keys["secret_access_key"],
                     .session_token = keys.value("token", ""),
                     .expires = {}};
  out.scope = {.region = context["region"],
               .service = context["service"],
               .at = base::ParseIso8601(context["timestamp"].get<std::string>()).value()};
  out.valid_for = std::chrono::seconds(context["expiration_in_seconds"].get<int>());
  if (!context["normalize"].get<bool>()) out.options.path_style = PathStyle::kVerbatim;
  if (context["sign_body"].get<bool>()) out.options.content_hash = ContentHash::kAsHeader;
  if (context.value("omit_session_token", false)) out.options.token_rule = TokenRule::kAddedAfter;
  return out;
}

void CheckStages(const Case& c, const Signable& prepared, const fs::path& folder,
                 const std::string& kind) {
  const std::string canonical = CanonicalRequest(prepared, c.options.path_style);
  EXPECT_EQ(canonical, ReadExpected(folder / (kind + "-canonical-request.txt")));
  const std::string to_sign = StringToSign(canonical, c.scope);
  EXPECT_EQ(to_sign, ReadExpected(folder / (kind + "-string-to-sign.txt")));
  EXPECT_EQ(Signature(to_sign, c.scope, c.credentials.secret_access_key),
            ReadExpected(folder / (kind + "-signature.txt")));
}

void CheckHeaderSigning(const Case& c, const fs::path& folder) {
  Signable prepared = c.request;
  AddSigningHeaders(prepared, c.credentials, c.scope, c.options);
  CheckStages(c, prepared, folder, "header");
  Signable whole = c.request;
  SignHeaders(whole, c.credentials, c.scope, c.options);
  const auto authorization =
      std::find_if(whole.headers.begin(), whole.headers.end(),
                   [](const auto& header) { return header.first == "Authorization"; });
  ASSERT_NE(authorization, whole.headers.end());
  EXPECT_NE(
      ReadFile(folder / "header-signed-request.txt").find("Authorization:" + authorization->second),
      std::string::npos);
}

void CheckQuerySigning(const Case& c, const fs::path& folder) {
  Signable prepared = c.request;
  AddSigningQuery(prepared, c.credentials, c.scope, c.valid_for, c.options.token_rule);
  CheckStages(c, prepared, folder, "query");
  Signable whole = c.request;
  SignQuery(whole, c.credentials, c.scope, c.valid_for, c.options);
  Signable published = ReadRequest(ReadFile(folder / "query-signed-request.txt"));
  EXPECT_EQ(CanonicalQuery(whole.query), CanonicalQuery(published.query));
}

TEST(SigV4Test, EveryPublishedCaseAgreesAtEveryStage) {
  const fs::path folder = fs::path(shapes::VectorsFolder()) / "sigv4";
  if (shapes::VectorsFolder().empty()) {
    std::cout << "SigV4 vectors are not here (set LEEWARD_VECTORS and build again): this part did "
                 "not run\n";
    return;
  }
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename().string());
    const Case c = ReadCase(entry.path());
    CheckHeaderSigning(c, entry.path());
    CheckQuerySigning(c, entry.path());
    ++cases;
  }
  std::cout << "SigV4: " << cases << " published cases, header and query\n";
  EXPECT_GE(cases, 38);
}

TEST(SigV4Test, OneKnownSignature) {
  Signable request{.method = "GET",
                   .path = "/",
                   .query = {},
                   .headers = {{"Host", "example.amazonaws.com"}},
                   .payload_hash = base::Sha256Hex("")};
  const Credentials keys{.access_key_id = "AKIDEXAMPLE",
                         .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                         .session_token = "",
                         .expires = {}};
  SignHeaders(request, keys,
              {"us-east-1", "service", base::ParseIso8601("2015-08-30T12:36:00Z").value()}, {});
  EXPECT_EQ(request.headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

}  // namespace
}  // namespace leeward::aws
