#include "lab/control/process.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include "lab/control/api.h"
#include "lab/control/gateway.h"
#include "lab/network/server.h"
#include "lab/services/all.h"
#include "os/files.h"
#include "os/process.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr base::Duration kLookSettled = std::chrono::milliseconds(2);

// The socket to the supervisor, and what ends with it.
class Control {
 public:
  Control(os::EventLoop& loop, std::function<base::Status(const Value&)> apply)
      : channel_(
            loop, kControlDescriptor,
            [this, apply = std::move(apply)](const Value& request) {
              const base::Status status = apply(request);
              Value answer = Value::Struct({{"id", request.Int("id")}, {"ok", status.ok()}});
              if (!status.ok()) answer.Set("error", status.error().message());
              channel_.Send(answer);
            },
            [&loop] { loop.Stop(); }) {
    signal(SIGPIPE, SIG_IGN);
  }
  void Tell(const Value& message) { channel_.Send(message); }
  void Ready() { channel_.Send(Value::Struct({{"ready", true}})); }
  void Fail(const base::Error& error) {
    channel_.Send(Value::Struct({{"error", error.message()}, {"code", base::Name(error.code())}}));
  }

 private:
  LineChannel channel_;
};

base::Result<LabConfig> Load(const std::string& state) {
  spdlog::flush_on(spdlog::level::info);
  os::SystemFiles files;
  return LoadConfig(state, files);
}

// A Region's process, or the global plane's.
class PlaceProcess {
 public:
  explicit PlaceProcess(std::string party)
      : party_(std::move(party)),
        control_(loop_, [this](const Value& request) { return Apply(request); }) {}

  int Run(const std::string& state) {
    const base::Status status = Start(state);
    if (!status.ok()) {
      spdlog::error("{}: {}", party_, status.error().message());
      control_.Fail(status.error());
      return 1;
    }
    host_->OnReport([this](const Value& parts) {
      control_.Tell(Value::Struct({{"parts", parts}}));
    });
    ReadyOnceSettled();
    loop_.Run();
    return 0;
  }

 private:
  void ReadyOnceSettled() {
    if (!host_->Settled())
      return static_cast<void>(loop_.After(kLookSettled, [this] { ReadyOnceSettled(); }));
    spdlog::info("{} is up", party_);
    control_.Ready();
  }

  base::Status Start(const std::string& state) {
    ASSIGN_OR_RETURN(const LabConfig config, Load(state));
    RETURN_IF_ERROR(files_.MakeDirectories(config.File("regions/" + party_)));
    ASSIGN_OR_RETURN(auto network,
                     NetworkClient::Connect({config.NetworkSocket(), party_, config.Prefix(party_),
                                             config.File("regions/" + party_ + "/addresses.json")},
                                            files_));
    // The first address: the party's API.
    CHECK(network->AddressFor("api") == config.ApiAddress(party_));
    host_ = std::make_unique<LabHost>(loop_, config, party_, std::move(network));
    api_ = std::make_unique<Api>(*host_);
    ASSIGN_OR_RETURN(server_, os::HttpServer::Start(
                                  loop_, {"", 0, config.ApiSocket(party_)},
                                  [this](auto exchange) { api_->Handle(std::move(exchange)); }));
    RETURN_IF_ERROR(host_->network_client().TryPublish(
        {"api", config.ApiAddress(party_), kApiPort, config.ApiSocket(party_), ""}));
    const Place place = party_ == kGlobal ? Place::kGlobal : Place::kRegion;
    for (const ServiceEntry& entry : AllServices()) {
      if (entry.place == place) host_->AddService(entry.make(*host_));
    }
    RETURN_IF_ERROR(host_->StartServices());
    if (place == Place::kGlobal) {
      gateway_ = std::make_unique<Gateway>(*host_, *api_);
      gateway_server_ = os::HttpServer::Adopt(
          loop_, kGatewayDescriptor, [this](const auto& exchange) { gateway_->Handle(exchange); });
    }
    return base::Ok();
  }

  base::Status Apply(const Value& request) {
    if (host_ == nullptr) return base::WrongState("not started yet");
    const std::string_view op = request.String("op");
    if (op == "clock") {
      host_->skewed_clock().SetOffset(base::Duration(request.Int("offset_ns")));
      host_->Hear(Faults());
      return base::Ok();
    }
    if (op == "control-plane") {
      const auto plane =
          request.Flag("down", false) ? Api::ControlPlane::kDown : Api::ControlPlane::kUp;
      if (gateway_ != nullptr) {
        gateway_->SetControlPlane(std::string(request.String("region")), plane);
      } else {
        api_->SetControlPlane(plane);
        host_->Hear(Faults());
      }
      return base::Ok();
    }
    return base::Invalid(fmt::format("{} knows no '{}'", party_, op));
  }

  RegionFaults Faults() const {
    return {host_->skewed_clock().offset(), api_->control_plane() == Api::ControlPlane::kDown};
  }

  std::string party_;
  os::EventLoop loop_;
  os::SystemFiles files_;
  Control control_;
  std::unique_ptr<LabHost> host_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<os::HttpServer> server_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<os::HttpServer> gateway_server_;
};

}  // namespace

int RunNetworkProcess(const std::string& state) {
  os::EventLoop loop;
  Control control(loop, [](const Value&) { return base::Ok(); });
  const auto config = Load(state);
  if (!config.ok()) return control.Fail(config.error()), 1;
  const os::SystemClock clock;
  Carrier carrier(loop, clock, Topology(config->first_block, config->regions));
  const auto server = NetworkServer::Start(loop, carrier, config->NetworkSocket());
  if (!server.ok()) return control.Fail(server.error()), 1;
  control.Ready();
  loop.Run();
  return 0;
}

int RunPlaceProcess(const std::string& state, const std::string& party) {
  // Orphans of its tasks stay below it, where `kill` finds them.
  os::BecomeSubreaper();
  // Left in place at the end: the process is going, and services need no farewell.
  auto* process = new PlaceProcess(party);
  return process->Run(state);
}

}  // namespace leeward::lab
