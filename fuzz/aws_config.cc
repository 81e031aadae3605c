// The files and services that hold AWS credentials: "config" or "credentials" (a file of ~/.aws) or
// "json" (the container endpoint, instance metadata) in the first line, then the text.
#include "aws/config.h"
#include "aws/credentials.h"
#include "base/check.h"
#include "fuzz/input.h"

namespace leeward::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = View(data, size);
  const std::string_view what = TakeLine(text);
  if (what == "json") {
    const auto found = aws::CredentialsFromJson(std::string(text), "the fuzzer");
    if (found.ok()) CHECK(!found->access_key_id.empty() && !found->secret_access_key.empty());
    return 0;
  }
  aws::SharedConfig config;
  const auto kind = what == "config" ? aws::IniKind::kConfig : aws::IniKind::kCredentials;
  const base::Status read = aws::ParseIni(text, "fuzz", kind, config);
  CHECK(read.ok() || !read.error().message().empty());
  for (const auto& [name, section] : config.profiles)
    (void)aws::ConfiguredEndpoint({}, config, section, "RDS");
  return 0;
}

}  // namespace leeward::fuzz
