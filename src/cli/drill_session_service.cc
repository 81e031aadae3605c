#include "cli/drill_session_service.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/last_line.h"
#include "cli/store_address.h"
#include "model/names.h"
#include "os/environment.h"
#include "os/process.h"

namespace leeward::cli {
namespace {

using shapes::Value;

constexpr int kPort = 7434, kPeerPort = 7435;
constexpr base::Duration kServicePatience{10'000'000'000};
constexpr base::Duration kServiceLook{50'000'000};
constexpr base::Duration kKillPatience{2'000'000'000};
constexpr std::uint64_t kMaxLog = 1u << 20;
constexpr char kPeerUp[] = "leeward_session_peer_up{";

// Of one Region's load balancers.
base::Result<Value> Ask(World& world, const model::Region& region, std::string_view operation,
                        const Value& input) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kServicePatience;
  return world.aws->Call("elbv2", operation, input, options);
}

base::Result<Value> First(base::Result<Value> answer, std::string_view list) {
  if (!answer.ok()) return answer;
  if (answer->Items(list).empty())
    return base::ServiceBroken(fmt::format("elbv2 answered without {}", list));
  return answer->Items(list).front();
}

// Every peer's line ends in 1, and there is one.
bool PeersAnswer(const std::string& metrics) {
  std::size_t at = metrics.find(kPeerUp);
  if (at == std::string::npos) return false;
  for (; at != std::string::npos; at = metrics.find(kPeerUp, at + 1)) {
    const std::size_t end = std::min(metrics.find('\n', at), metrics.size());
    if (metrics.compare(end - 2, 2, " 1") != 0) return false;
  }
  return true;
}

}  // namespace

base::Status OpenDoor(World& world, const std::string& name, SessionPlace* place) {
  ASSIGN_OR_RETURN(const Value balancer, First(Ask(world, place->region, "CreateLoadBalancer",
                                                   Value::Struct({{"Name", name}})),
                                               "LoadBalancers"));
  ASSIGN_OR_RETURN(const Value group,
                   First(Ask(world, place->region, "CreateTargetGroup",
                             Value::Struct({{"Name", name},
                                            {"Protocol", "HTTP"},
                                            {"Port", std::int64_t{kPeerPort}},
                                            {"TargetType", "ip"},
                                            {"HealthCheckPort", std::to_string(kPort)},
                                            {"HealthCheckPath", "/healthz"},
                                            {"HealthCheckIntervalSeconds", std::int64_t{5}},
                                            {"HealthyThresholdCount", std::int64_t{2}}})),
                         "TargetGroups"));
  const std::string group_arn(group.String("TargetGroupArn"));
  const Value target = Value::Struct({{"Id", place->host}, {"Port", std::int64_t{kPeerPort}}});
  const auto registered =
      Ask(world, place->region, "RegisterTargets",
          Value::Struct({{"TargetGroupArn", group_arn}, {"Targets", Value::List{target}}}));
  if (!registered.ok()) return registered.error();
  const Value forward = Value::Struct({{"Type", "forward"}, {"TargetGroupArn", group_arn}});
  const auto listening = Ask(world, place->region, "CreateListener",
                             Value::Struct({{"LoadBalancerArn", balancer.String("LoadBalancerArn")},
                                            {"Protocol", "HTTP"},
                                            {"Port", std::int64_t{kPeerPort}},
                                            {"DefaultActions", Value::List{forward}}}));
  if (!listening.ok()) return listening.error();
  place->door = fmt::format("http://{}:{}", balancer.String("DNSName"), kPeerPort);
  return base::Ok();
}

base::Result<SessionKeeping> KeepingOf(const World& world, const model::Application& application,
                                       const model::SessionLoad& load,
                                       const model::Inventory& inventory,
                                       const model::Region& region) {
  SessionKeeping keeping;
  keeping.arguments = {"--mode", std::string(model::Name(load.mode))};
  if (load.store.empty()) return keeping;
  const model::ComponentKind& kind = application.Find(load.store)->kind;
  if (const auto* table = std::get_if<model::Dynamodb>(&kind)) {
    keeping.arguments.insert(keeping.arguments.end(), {"--table", table->table});
    return keeping;
  }
  const auto& cache = std::get<model::Elasticache>(kind);
  const model::Regions& regions = application.regions;
  const model::Region& other = region == regions.home ? regions.recovery : regions.home;
  for (const auto& [option, place] :
       {std::pair("--redis", region), std::pair("--redis-other", other)}) {
    const probe::RedisAddress address = CacheAddress(world, cache, inventory, load.store, place);
    if (address.host.empty())
      return base::NotFound(
          fmt::format("the cache {} has no address in {}", load.store.str(), place.str()));
    keeping.arguments.insert(keeping.arguments.end(),
                             {option, fmt::format("{}:{}", address.host, address.port)});
    if (!address.password.empty())
      keeping.environment = {{"LEEWARD_SESSION_REDIS_PASSWORD", address.password}};
  }
  return keeping;
}

base::Result<std::unique_ptr<SessionService>> SessionService::Start(World& world,
                                                                    const SessionLaunch& launch) {
  const auto& [spec_path, place, peer, keeping, log] = launch;
  os::ProcessSpec spec;
  spec.argv = {os::OwnProgram(),
               "session",
               std::filesystem::absolute(spec_path).string(),
               "--region",
               place.region.str(),
               "--source",
               place.host,
               "--listen",
               fmt::format("{}:{}", place.host, kPort),
               "--peer-listen",
               fmt::format("{}:{}", place.host, kPeerPort),
               "--peer",
               peer};
  spec.argv.insert(spec.argv.end(), keeping.arguments.begin(), keeping.arguments.end());
  for (const auto& [name, value] : os::WholeEnvironment()) {
    if (!name.starts_with("AWS_") && !name.starts_with("LEEWARD_"))
      spec.environment.emplace_back(name, value);
  }
  spec.environment.emplace_back("AWS_EC2_METADATA_DISABLED", "true");
  for (const char* name : {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
    spec.environment.emplace_back(name, world.Variable(name));
  spec.environment.insert(spec.environment.end(), keeping.environment.begin(),
                          keeping.environment.end());
  spec.output = log;
  ASSIGN_OR_RETURN(const pid_t process, os::StartProcess(spec));
  return std::unique_ptr<SessionService>(new SessionService(world, launch, process));
}

SessionService::SessionService(World& world, const SessionLaunch& launch, pid_t process)
    : world_(world),
      region_(launch.place.region),
      log_(launch.log),
      url_(fmt::format("http://{}:{}", launch.place.host, kPort)),
      process_(process) {}

SessionService::~SessionService() { Kill(); }

void SessionService::Kill() {
  if (process_ == 0) return;
  (void)os::KillTrees({process_}, kKillPatience);
  process_ = 0;
}

base::Status SessionService::Ready() const {
  ports::HttpLimits limits;
  limits.total = kServicePatience;
  for (const char* path : {"/healthz", "/metrics"}) {
    ports::HttpRequest request;
    request.method = "GET";
    request.url = url_ + path;
    ASSIGN_OR_RETURN(const ports::HttpResponse answer, world_.transport->Send(request, limits));
    if (answer.status != 200) return base::ServiceBroken("its store does not answer");
    if (path == std::string_view("/metrics") && !PeersAnswer(answer.body))
      return base::ServiceBroken("the other Region's service does not answer it");
  }
  return base::Ok();
}

base::Status SessionService::AwaitReady(base::Duration patience) {
  const base::MonotonicTime end = world_.clock.Monotonic() + patience;
  while (true) {
    base::Status ready = Ready();
    if (ready.ok()) return ready;
    const std::string what = "the session service of " + region_.str();
    if (os::PollExit(process_)) {
      process_ = 0;
      const auto said = world_.files.Read(log_, kMaxLog);
      return base::ServiceBroken(what + " ended: " + LastLine(said.ok() ? *said : ""));
    }
    if (world_.clock.Monotonic() >= end)
      return base::Unreachable(what + " does not come up: " + ready.error().message());
    if (!world_.Pause(kServiceLook)) return base::Cancelled("stopped on request");
  }
}

}  // namespace leeward::cli
