#include "lab/network/server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include "os/socket.h"

namespace leeward::lab {
namespace {

using shapes::Value;

std::string Text(const Value& request, std::string_view name) {
  return std::string(request.String(name));
}

std::uint16_t Port(const Value& request, std::string_view name) {
  return static_cast<std::uint16_t>(request.Int(name));
}

base::Status CheckParty(const Topology& topology, const std::string& name) {
  if (topology.HasRegion(name) || name == kOutside || name == kGlobal) return base::Ok();
  return base::NotFound(fmt::format("{} is not a Region of this lab", name));
}

}  // namespace

base::Result<std::unique_ptr<NetworkServer>> NetworkServer::Start(os::EventLoop& loop,
                                                                  Carrier& carrier,
                                                                  const std::string& path) {
  ASSIGN_OR_RETURN(const int listening, os::Listen({"", 0, path}));
  return std::make_unique<NetworkServer>(loop, carrier, listening);
}

NetworkServer::NetworkServer(os::EventLoop& loop, Carrier& carrier, int listening)
    : loop_(loop), carrier_(carrier), listening_(loop, listening) {
  listening_.OnReadable([this] { Accept(); });
}

void NetworkServer::Accept() {
  const int socket = accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket >= 0) {
    const int id = next_client_++;
    Client& client = clients_[id];
    client.channel = std::make_unique<LineChannel>(
        loop_, socket,
        [this, id](const Value& request) {
          Client& asking = clients_[id];
          asking.channel->Send(Handle(&asking.party, request));
        },
        [this, id] { loop_.Post([this, id] { clients_.erase(id); }); });
  }
  listening_.OnReadable([this] { Accept(); });
}

Value NetworkServer::Handle(std::string* party, const Value& request) {
  Value answer = Value::Struct({{"ok", true}});
  const base::Status status = Apply(party, request, &answer);
  if (status.ok()) return answer;
  return Value::Struct({{"error", status.error().message()}});
}

base::Status NetworkServer::Apply(std::string* party, const Value& request, Value* answer) {
  const std::string_view op = request.String("op");
  if (op == "hello") {
    *party = Text(request, "party");
    RETURN_IF_ERROR(CheckParty(carrier_.topology(), *party));
    carrier_.Hello(*party);
    return base::Ok();
  }
  if (op == "status") {
    *answer = carrier_.Status();
    return base::Ok();
  }
  if (op == "is_dark") {
    answer->Set("dark", carrier_.topology().silence(Text(request, "region")) != Silence::kNone);
    return base::Ok();
  }
  if (op == "publish") {
    return carrier_.Publish(*party,
                            {Text(request, "name"), Text(request, "address"), Port(request, "port"),
                             Text(request, "backend"), Text(request, "region"),
                             request.Flag("tell_origin", false) ? Origin::kTold : Origin::kHidden});
  }
  if (op == "withdraw") {
    carrier_.Withdraw(*party, Text(request, "name"));
    return base::Ok();
  }
  if (op == "ingress") {
    std::vector<std::string> cidrs;
    for (const Value& cidr : request.Items("cidrs")) cidrs.push_back(cidr.str());
    return carrier_.SetIngress(*party, Text(request, "name"), cidrs);
  }
  if (op == "link") {
    return carrier_.Link({*party, Text(request, "local_address"), Port(request, "local_port"),
                          Text(request, "to_address"), Port(request, "to_port")});
  }
  return ApplyFault(op, request);
}

base::Status NetworkServer::ApplyFault(std::string_view op, const Value& request) {
  const std::string a = Text(request, "a");
  const std::string b = Text(request, "b");
  if (!a.empty()) RETURN_IF_ERROR(CheckParty(carrier_.topology(), a));
  if (!b.empty()) RETURN_IF_ERROR(CheckParty(carrier_.topology(), b));
  if (op == "kill" || op == "dark") {
    carrier_.SetSilence(a, op == "kill" ? Silence::kKilled : Silence::kDark);
  } else if (op == "isolate") {
    carrier_.Cut(a, b, request.Flag("one_way", false) ? Directions::kOneWay : Directions::kBoth);
  } else if (op == "slow") {
    carrier_.Slow(a, b, std::chrono::nanoseconds(request.Int("extra_ns")));
  } else if (op == "heal") {
    carrier_.Heal(a);
  } else {
    return base::Invalid(fmt::format("the network knows no '{}'", op));
  }
  return base::Ok();
}

}  // namespace leeward::lab
