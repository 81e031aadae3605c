// DynamoDB and its streams in one Region: keeps the item store's process alive and publishes where
// it answers.
//
// The process is replaced when it dies or falls silent, after a pause that grows while it keeps
// dying. Until its successor answers, its address answers InternalServerError, as AWS does while a
// node is replaced.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lab/core/service.h"
#include "lab/dynamo/options.h"
#include "lab/services/keys.h"
#include "lab/services/region_links.h"
#include "os/shared_numbers.h"

namespace leeward::lab::items {

struct DynamoDbLimits {
  base::Duration look{10'000'000};          // between looks whether it answers yet
  base::Duration start{30'000'000'000};     // until it must answer
  base::Duration pulse{500'000'000};        // between looks at one that answers
  base::Duration silent{3'000'000'000};     // without an answer: reported
  base::Duration hung{15'000'000'000};      // without an answer: replaced
  base::Duration first_pause{100'000'000};  // before a replacement; doubles
  base::Duration longest_pause{10'000'000'000};
  base::Duration steady{30'000'000'000};  // alive for so long: the pause starts again
};

class DynamoDb : public Service, public ReadsItsOwn, public KeepsKeys {
 public:
  explicit DynamoDb(Host& host, DynamoDbLimits limits = {});

  std::string_view name() const override { return "dynamodb"; }
  // None comes by Handle: requests are read where they are served.
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  bool Settled() const override { return state_ != State::kStarting || failures_ > 0; }
  void Hear(const RegionFaults& faults) override;
  void KeysChanged() override;
  std::string Door() const override { return state_ == State::kUp ? Socket() : ""; }

 private:
  enum class State { kStarting, kUp, kDown };

  void Spawn();
  void Look();
  void Ended(ExitStatus status);
  void Seen(const base::Result<std::string>& pulse);
  void PublishMetrics(const std::string& pulse);
  void Publish();
  void Report(std::string_view why);
  std::string Socket() const { return folder_ / "socket"; }
  std::string KeysFile() const { return folder_ / "keys.json"; }

  Host& host_;
  DynamoDbLimits limits_;
  State state_ = State::kDown;
  std::filesystem::path folder_;
  std::optional<os::SharedNumbers> faults_;
  ChildId child_ = 0;
  base::MonotonicTime started_;
  base::MonotonicTime seen_;
  base::Duration pause_{0};
  int failures_ = 0;
  std::uint64_t life_ = 0;  // which process; looks at an earlier one are void
};

}  // namespace leeward::lab::items

namespace leeward::lab {
std::unique_ptr<Service> MakeDynamoDb(Host& host);
}
