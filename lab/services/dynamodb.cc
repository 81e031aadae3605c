#include "lab/services/dynamodb.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "lab/core/credentials.h"
#include "lab/core/item_peers.h"
#include "lab/dynamo/keys_file.h"
#include "lab/dynamo/region_clock.h"
#include "os/files.h"
#include "os/process.h"
#include "shapes/value.h"

namespace leeward::lab::items {
namespace {

using shapes::Value;

constexpr std::string_view kName = "dynamodb";

std::string HowItEnded(ExitStatus status) {
  if (status.signal != 0) return fmt::format("killed by signal {}", status.signal);
  return fmt::format("ended with code {}", status.code);
}

}  // namespace

DynamoDb::DynamoDb(Host& host, DynamoDbLimits limits) : host_(host), limits_(limits) {}

// Its requests are handed on as they came, and never decoded here.
void DynamoDb::Handle(const Call& call, Reply reply) {
  reply(ApiError{"InternalFailure",
                 fmt::format("{} was not handed on to the item store", call.operation->name),
                 500,
                 {}});
}

base::Status DynamoDb::Start() {
  folder_ = host_.StateDirectory(kName);
  const std::string faults = folder_ / "faults";
  ASSIGN_OR_RETURN(os::SharedNumbers numbers, os::SharedNumbers::Open(faults));
  faults_ = std::move(numbers);
  Hear({});
  dynamo::ItemsOptions options;
  options.listen = {"", 0, Socket()};
  options.directory = folder_ / "tables";
  options.region = host_.region();
  options.pace = host_.pace();
  options.credentials = host_.credentials().settings();
  options.internal_token = host_.InternalToken();
  options.faults = faults;
  options.keys = KeysFile();
  if (auto* knows = dynamic_cast<KnowsItemStores*>(&host_)) {
    for (const auto& peer : knows->ItemStoresElsewhere())
      options.peers[peer.region] = {peer.address, peer.port, ""};
  }
  os::SystemFiles files;
  RETURN_IF_ERROR(dynamo::SaveItemsOptions(options, folder_ / "options.json", files));
  KeysChanged();
  Publish();
  Spawn();
  return base::Ok();
}

void DynamoDb::Hear(const RegionFaults& faults) {
  if (!faults_) return;
  faults_->Set(dynamo::kClockOffset, faults.clock_offset.count());
  faults_->Set(dynamo::kControlPlaneDown, faults.control_plane_down ? 1 : 0);
}

// What KMS knows, but for the keys that AWS keeps for other services.
void DynamoDb::KeysChanged() {
  if (folder_.empty()) return;  // not started
  std::vector<dynamo::KnownKey> known;
  if (const auto* keys = FindSibling<Keys>(host_, "kms")) {
    for (KeyNamed& key : keys->All()) {
      if (!key.managed_by.empty() && key.managed_by != kName) continue;
      known.push_back({{key.seen.arn, key.seen.usable}, std::move(key.names)});
    }
  }
  os::SystemFiles files;
  const base::Status saved = dynamo::SaveKeys(known, KeysFile(), files);
  if (!saved.ok()) fmt::print(stderr, "dynamodb: {}\n", saved.error().message());
}

void DynamoDb::Spawn() {
  ++life_;
  state_ = State::kStarting;
  started_ = seen_ = host_.clock().Monotonic();
  ChildSpec spec;
  spec.argv = {os::OwnProgram(), "__items", folder_ / "options.json"};
  spec.directory = folder_;
  spec.log = folder_ / "log";
  spec.user = ChildSpec::User::kLab;
  const auto child = host_.Spawn(spec, [this](ExitStatus status) { Ended(status); });
  if (!child.ok()) return Ended({});
  child_ = *child;
  if (failures_ == 0) Report("starting");
  Look();
}

// Soon and often until it answers, then at leisure.
void DynamoDb::Look() {
  host_.AskProcess(Socket(), dynamo::kPulsePath, limits_.silent,
                   [this, life = life_](const base::Result<std::string>& pulse) {
                     if (life != life_) return;
                     Seen(pulse);
                     if (life != life_) return;
                     const base::Duration wait =
                         state_ == State::kUp ? limits_.pulse : limits_.look;
                     host_.After(wait, [this, life] {
                       if (life == life_) Look();
                     });
                   });
}

void DynamoDb::Seen(const base::Result<std::string>& pulse) {
  const base::MonotonicTime now = host_.clock().Monotonic();
  if (pulse.ok()) {
    seen_ = now;
    if (state_ != State::kUp) {
      state_ = State::kUp;
      Publish();
    }
    if (now - started_ > limits_.steady) pause_ = base::Duration{0};
    Report("up");
    return PublishMetrics(*pulse);
  }
  const bool starting = state_ == State::kStarting;
  if (!starting && now - seen_ >= limits_.silent)
    Report(fmt::format("does not answer for {}", base::HumanDuration(now - seen_)));
  if (now - seen_ >= (starting ? limits_.start : limits_.hung)) host_.Signal(child_, SIGKILL);
}

void DynamoDb::Ended(ExitStatus status) {
  ++life_;
  ++failures_;
  state_ = State::kDown;
  Publish();
  pause_ = std::clamp(pause_ * 2, limits_.first_pause, limits_.longest_pause);
  Report(fmt::format("down, {}; is being replaced (see {})", HowItEnded(status),
                     (folder_ / "log").string()));
  host_.After(pause_, [this, life = life_] {
    if (life == life_) Spawn();
  });
}

// While nobody answers there, the Region's API does.
void DynamoDb::Publish() {
  PublicEndpoint endpoint;
  endpoint.name = kItemsEndpoint;
  endpoint.address = host_.network().AddressFor(kItemsEndpoint);
  endpoint.port = kItemsPort;
  endpoint.backend = state_ == State::kUp ? Socket() : host_.ApiSocket().string();
  host_.network().Publish(endpoint);
}

void DynamoDb::Report(std::string_view state) {
  const bool again = state == "up" && failures_ > 0;
  host_.Report(kName,
               again ? fmt::format("up, replaced {} time{}", failures_, failures_ == 1 ? "" : "s")
                     : std::string(state));
}

void DynamoDb::PublishMetrics(const std::string& pulse) {
  auto* sink = FindSibling<MetricSink>(host_, "cloudwatch");
  const auto read = shapes::FromJson(pulse);
  if (sink == nullptr || !read.ok()) return;
  for (const Value& metric : read->Items("metrics")) {
    Dimensions dimensions;
    for (const auto& [name, value] : metric.Sub("dimensions").members())
      dimensions.emplace_back(name, value.str());
    sink->Publish("AWS/DynamoDB", metric.String("name"), dimensions, metric.String("unit"),
                  metric.Number("value"));
  }
}

}  // namespace leeward::lab::items

namespace leeward::lab {
std::unique_ptr<Service> MakeDynamoDb(Host& host) {
  return std::make_unique<items::DynamoDb>(host);
}
}  // namespace leeward::lab
