// Doubles for this room's tests: a scripted transport, a clock that pausing turns, files in memory.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/client.h"

namespace leeward::aws::testing_support {

class FakeTransport : public ports::HttpTransport {
 public:
  using Answer = std::function<base::Result<ports::HttpResponse>(const ports::HttpRequest&,
                                                                 const ports::HttpLimits&)>;
  Answer answer;
  std::vector<ports::HttpRequest> seen;
  std::vector<ports::HttpLimits> limits;

  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits& with) override {
    seen.push_back(request);
    limits.push_back(with);
    return answer(request, with);
  }
};

class FakeFiles : public ports::Files {
 public:
  std::map<std::string, std::string> texts;

  base::Result<std::string> Read(const std::string& path, std::uint64_t) override {
    const auto found = texts.find(path);
    if (found == texts.end()) return base::NotFound(path + " does not exist");
    return found->second;
  }
  base::Status WriteAtomically(const std::string&, std::string_view) override { return Unused(); }
  base::Result<std::unique_ptr<ports::AppendFile>> OpenAppend(const std::string&) override {
    return Unused().error();
  }
  base::Status MakeDirectories(const std::string&) override { return Unused(); }
  base::Status Remove(const std::string&) override { return Unused(); }
  base::Result<bool> Exists(const std::string& path) override { return texts.contains(path); }
  base::Result<std::vector<std::string>> List(const std::string&) override {
    return Unused().error();
  }

 private:
  static base::Status Unused() { return base::Refused("this double only reads"); }
};

struct FakeWorld {
  FakeTransport transport;
  ports::ManualClock clock{base::ParseIso8601("2026-11-23T08:00:00Z").value()};
  ports::SeededRandom random{1};
  FakeFiles files;
  Settings settings{.environment = {{"AWS_ACCESS_KEY_ID", "AKID"},
                                    {"AWS_SECRET_ACCESS_KEY", "secret"},
                                    {"AWS_REGION", "us-west-2"},
                                    {"AWS_EC2_METADATA_DISABLED", "true"},
                                    {"HOME", "/home/u"}},
                    .profile = "",
                    .region = "",
                    .endpoint_url = {}};
  base::Duration paused{0};

  Ports ports() {
    return {.transport = &transport,
            .clock = &clock,
            .random = &random,
            .files = &files,
            .pause = [this](auto d) {
              paused += d;
              clock.Advance(d);
              return true;
            }};
  }
  std::unique_ptr<Client> MakeClient() {
    base::Result<std::unique_ptr<Client>> client = Client::Create(ports(), settings);
    return std::move(client).value();
  }
};

inline ports::HttpResponse Answer(int status, std::string body, ports::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

}  // namespace leeward::aws::testing_support
