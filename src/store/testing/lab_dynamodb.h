// LabDynamoDb: tables in a lab that runs already, and the client that reaches them. Which ones is
// said by the variables of this process; tests/lab/strong_test.py starts the lab and sets them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/client.h"
#include "base/check.h"
#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/environment.h"
#include "os/files.h"
#include "os/random.h"
#include "store/dynamodb.h"

namespace leeward::store::testing {

// "TABLE@REGION,REGION,REGION", as in a spec, from that variable; absent: it is not set.
inline std::optional<DynamoDbOptions> TableInLab(const std::string& variable) {
  const std::optional<std::string> text = os::Environment(variable);
  if (!text) return std::nullopt;
  const std::size_t at = text->find('@');
  CHECK_MSG(at != std::string::npos, (variable + " names no Regions").c_str());
  DynamoDbOptions options{text->substr(0, at), {}};
  for (std::size_t start = at + 1; start <= text->size();) {
    const std::size_t end = std::min(text->find(',', start), text->size());
    options.regions.emplace_back(text->substr(start, end - start));
    start = end + 1;
  }
  return options;
}

class LabDynamoDb {
 public:
  LabDynamoDb() {
    const aws::Ports ports{.transport = transport_.get(),
                           .clock = &clock_,
                           .random = &random_,
                           .files = &files_,
                           // The store asks once: there is nothing to wait for between attempts.
                           .pause = [](base::Duration) { return false; }};
    auto client = aws::Client::Create(
        ports, {.environment = os::WholeEnvironment(), .profile = "", .region = "us-east-1"});
    CHECK_MSG(client.ok(), client.ok() ? "" : client.error().message().c_str());
    client_ = *std::move(client);
  }

  // The client outlives the store.
  std::unique_ptr<ports::SharedStore> Open(const DynamoDbOptions& options) {
    auto opened = OpenDynamoDb(options, *client_, clock_);
    CHECK_MSG(opened.ok(), opened.ok() ? "" : opened.error().message().c_str());
    return *std::move(opened);
  }
  const ports::Clock& clock() const { return clock_; }

 private:
  os::SystemClock clock_;
  os::SystemRandom random_;
  os::SystemFiles files_;
  std::unique_ptr<ports::HttpTransport> transport_ = os::MakeCurlTransport({});
  std::unique_ptr<aws::Client> client_;
};

}  // namespace leeward::store::testing
