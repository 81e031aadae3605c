// Health checks as Route 53 judges them. Pure: configuration and what the checkers saw in, health
// out.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lab/core/service.h"

namespace leeward::lab {

// The Regions that checkers look from.
inline constexpr std::array<std::string_view, 8> kCheckerRegions = {
    "us-east-1",      "us-west-1",      "us-west-2",      "eu-west-1",
    "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1"};

// The ApiError that AWS answers to this configuration of a new check; nothing when it is good. With
// one deviation: addresses of the loopback network are taken, because the lab's endpoints live
// there.
std::optional<ApiError> RefuseCheckConfig(const shapes::Value& config);
// Defaults filled in: port, interval, threshold, Regions are left out as AWS does.
shapes::Value WithCheckDefaults(shapes::Value config);
// The configuration after an UpdateHealthCheck.
shapes::Value UpdatedCheckConfig(shapes::Value config, const shapes::Value& update);

enum class Seen : std::uint8_t { kFailure, kSuccess };

// One checker's opinion: it changes its mind after `threshold` observations in a row against it.
struct Checker {
  std::string region;
  bool healthy = true;
  int against = 0;
  std::string status;  // text of the last observation
  base::WallTime checked;
  std::string last_failure;
  base::WallTime failed;

  // True when the opinion changed.
  bool Observe(Seen seen, int threshold);
};

// Healthy while more than 18 % of the checkers say so.
bool Quorum(const std::vector<Checker>& checkers);

enum class AlarmData : std::uint8_t { kUnknown, kOk, kAlarm };

// One check with what is known of it. Those that look at endpoints have checkers.
struct HealthCheck {
  std::string id;
  std::string caller_reference;
  std::int64_t version = 1;
  shapes::Value config;  // HealthCheckConfig, defaults filled in
  shapes::Value tags;    // list of {Key, Value}
  std::vector<Checker> checkers;
  AlarmData alarm = AlarmData::kUnknown;
  bool last_known = true;  // CLOUDWATCH_METRIC: health while there was data
};

using CheckTable = std::map<std::string, HealthCheck, std::less<>>;
// Whether the routing control is On; false too for one that does not exist.
using ControlLookup = std::function<bool(std::string_view control_arn)>;

// The health that DNS answers see, with Inverted, Disabled and children taken into account.
bool EffectiveHealth(const CheckTable& checks, const HealthCheck& check,
                     const ControlLookup& is_on);

bool LooksAtEndpoint(const HealthCheck& check);

}  // namespace leeward::lab
