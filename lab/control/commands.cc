// What the supervisor does when it is told to: faults, healing, status.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "lab/control/supervisor.h"
#include "lab/network/topology.h"
#include "os/process.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr base::Duration kAskLimit = std::chrono::seconds(5);
constexpr base::Duration kKillLimit = std::chrono::seconds(10);

Value Error(const base::Error& error) {
  return Value::Struct({{"error", error.message()}, {"code", base::Name(error.code())}});
}

}  // namespace

void Supervisor::Accept() {
  const int socket = accept4(admin_->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket >= 0) {
    const int id = next_client_++;
    clients_[id] = std::make_unique<LineChannel>(
        loop_, socket,
        [this, id](const Value& request) {
          Handle(request, [this, id](const Value& answer) {
            const auto client = clients_.find(id);
            if (client != clients_.end()) client->second->Send(answer);
          });
        },
        [this, id] { loop_.Post([this, id] { clients_.erase(id); }); });
  }
  admin_->OnReadable([this] { Accept(); });
}

void Supervisor::Handle(const Value& request, Answered answer) {
  const std::string_view op = request.String("op");
  const std::string region(request.String("region"));
  if (op == "status") return answer(Status());
  if (op == "down") {
    answer(Value::Struct({{"ok", true}}));
    return loop_.Post([this] { End(0); });
  }
  for (const char* name : {"region", "a", "b"}) {
    const std::string_view party = request.String(name);
    const bool outside = party == kOutside && name != std::string_view("region");
    if (party.empty() || party == "all" || outside || config_.HasRegion(party)) continue;
    return answer(Error(base::NotFound(fmt::format("{} is not a Region of this lab", party))));
  }
  spdlog::info("{}", shapes::ToJson(request));
  if (op == "heal") return Heal(region, std::move(answer));
  if (op == "clock")
    return SetClock(region, base::Duration(request.Int("offset_ns")), std::move(answer));
  if (op == "control-plane")
    return SetControlPlane(region, request.Flag("down", false), std::move(answer));
  auto result = op == "kill" ? Kill(region) : Fault(op, request);
  answer(result.ok() ? *result : Error(result.error()));
}

base::Result<Value> Supervisor::Network(const Value& request) {
  ASSIGN_OR_RETURN(Value answer, network_->Ask(request, kAskLimit));
  if (answer.Has("error")) return base::ServiceBroken(std::string(answer.String("error")));
  return answer;
}

base::Result<Value> Supervisor::Fault(std::string_view op, const Value& request) {
  Value told = request;
  if (op == "dark") told.Set("a", request.String("region"));
  if (op != "dark" && op != "isolate" && op != "slow")
    return base::Invalid(fmt::format("there is no command {}", op));
  if (op == "dark" &&
      processes_[std::string(request.String("region"))].state != Process::State::kUp) {
    return base::WrongState(fmt::format("{} is not up", request.String("region")));
  }
  return Network(told);
}

// The Region and everything below it, at one stroke: first nothing of it can be heard any more,
// then it dies.
base::Result<Value> Supervisor::Kill(const std::string& region) {
  Process& process = processes_[region];
  if (process.state == Process::State::kKilled)
    return base::WrongState(fmt::format("{} is killed already", region));
  std::vector<pid_t> victims;
  if (process.pid != 0) {
    victims = os::Descendants(process.pid);
    victims.insert(victims.begin(), process.pid);
  }
  const base::WallTime instant = clock_.Now();
  RETURN_IF_ERROR([&]() -> base::Status {
    ASSIGN_OR_RETURN(const Value ignored, Network(Value::Struct({{"op", "kill"}, {"a", region}})));
    return base::Ok();
  }());
  for (const pid_t pid : victims) kill(pid, SIGKILL);
  RETURN_IF_ERROR(os::KillTrees(victims, kKillLimit));
  once_ours_.insert(victims.begin(), victims.end());
  process.pid = 0;
  process.watch.reset();
  process.channel.reset();
  process.waiting.clear();
  process.state = Process::State::kKilled;
  ReapStrays();
  return Value::Struct({{"region", region},
                        {"at", base::FormatIso8601(instant)},
                        {"at_ns", static_cast<std::int64_t>(instant.since_epoch.count())},
                        {"processes", static_cast<std::int64_t>(victims.size())}});
}

void Supervisor::HealOne(const std::string& region, std::function<void(base::Status)> done) {
  auto open = [this, region, done = std::move(done)](const base::Status& status) {
    if (!status.ok()) return done(status);
    Process& process = processes_[region];
    process.clock_offset = base::Duration{0};
    process.control_plane_down = false;
    for (const char* op : {"clock", "control-plane"})
      Tell(region, Value::Struct({{"op", op}}), [](const Value&) {});
    Tell(std::string(kGlobal), Value::Struct({{"op", "control-plane"}, {"region", region}}),
         [](const Value&) {});
    const auto healed = Network(Value::Struct({{"op", "heal"}, {"a", region}}));
    done(healed.ok() ? base::Ok() : base::Status(healed.error()));
  };
  if (processes_[region].pid != 0) return open(base::Ok());
  const base::Status started = StartProcess(region, {}, open);
  if (!started.ok()) open(started);
}

void Supervisor::Heal(const std::string& region, Answered answer) {
  const std::vector<std::string> regions =
      region.empty() || region == "all" ? config_.regions : std::vector<std::string>{region};
  auto left = std::make_shared<std::size_t>(regions.size());
  auto first_error = std::make_shared<base::Status>();
  for (const std::string& each : regions) {
    HealOne(each, [answer, left, first_error](base::Status status) {
      if (!status.ok() && first_error->ok()) *first_error = std::move(status);
      if (--*left != 0) return;
      answer(first_error->ok() ? Value::Struct({{"ok", true}}) : Error(first_error->error()));
    });
  }
}

void Supervisor::SetClock(const std::string& region, base::Duration offset, Answered answer) {
  processes_[region].clock_offset = offset;
  Tell(region,
       Value::Struct({{"op", "clock"}, {"offset_ns", static_cast<std::int64_t>(offset.count())}}),
       std::move(answer));
}

void Supervisor::SetControlPlane(const std::string& region, bool down, Answered answer) {
  processes_[region].control_plane_down = down;
  const Value request =
      Value::Struct({{"op", "control-plane"}, {"region", region}, {"down", down}});
  Tell(std::string(kGlobal), request,
       [this, region, request, answer = std::move(answer)](const Value& told) {
         if (told.Has("error")) return answer(told);
         Tell(region, request, answer);
       });
}

Value Supervisor::Status() {
  const auto network = Network(Value::Struct({{"op", "status"}}));
  const Value& silence = network.ok() ? network->Sub("regions") : Value();
  Value regions = Value::Struct();
  for (const std::string& region : config_.regions) {
    const Process& process = processes_[region];
    std::string state(silence.String(region, "up"));
    if (process.state == Process::State::kCrashed) state = "crashed";
    const bool lives = process.state == Process::State::kUp;
    if (process.state == Process::State::kStarting) state = "starting";
    regions.Set(
        region,
        Value::Struct(
            {{"state", state},
             {"pid", process.pid},
             {"network", config_.Prefix(region) + "0.0/16"},
             {"api", fmt::format("http://{}:{}", config_.ApiAddress(region), kApiPort)},
             {"dynamodb", fmt::format("http://{}:{}", config_.ItemsAddress(region), kItemsPort)},
             {"parts", lives ? process.parts : Value::Struct()},
             {"control_plane", process.control_plane_down ? "down" : "up"},
             {"clock_offset_ms", base::Millis(process.clock_offset)}}));
  }
  Value status = Value::Struct({{"state_dir", state_},
                                {"gateway", "http://" + config_.gateway},
                                {"dns", config_.dns},
                                {"pace", config_.pace == Pace::kAws ? "aws" : "fast"},
                                {"account", config_.credentials.account},
                                {"pid", static_cast<int>(getpid())},
                                {"regions", regions}});
  if (network.ok()) {
    for (const char* name : {"cuts", "slow", "endpoints", "connections"})
      status.Set(name, network->Sub(name));
  }
  return status;
}

}  // namespace leeward::lab
