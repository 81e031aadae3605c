#include "lab/network/client.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "lab/core/item_peers.h"
#include "lab/network/topology.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr base::Duration kAnswerLimit = std::chrono::seconds(5);
constexpr std::uint64_t kMaxAddressFile = 16 << 20;
constexpr std::int64_t kFirstNumber = 10;  // below are the lab's own
constexpr std::int64_t kPerOctet = 240;

}  // namespace

base::Result<std::unique_ptr<NetworkClient>> NetworkClient::Connect(NetworkClientOptions options,
                                                                    ports::Files& files) {
  ASSIGN_OR_RETURN(auto caller, LineCaller::Connect(options.socket, kAnswerLimit));
  auto client = std::make_unique<NetworkClient>(std::move(options), files, std::move(caller));
  ASSIGN_OR_RETURN(
      const Value answer,
      client->caller_->Ask(Value::Struct({{"op", "hello"}, {"party", client->options_.party}}),
                           kAnswerLimit));
  if (answer.Has("error")) return base::ServiceBroken(std::string(answer.String("error")));
  const auto saved = files.Read(client->options_.address_file, kMaxAddressFile);
  if (saved.ok()) {
    ASSIGN_OR_RETURN(client->addresses_, shapes::FromJson(*saved));
  } else if (saved.error().code() != base::ErrorCode::kNotFound) {
    return saved.error();
  }
  return client;
}

NetworkClient::NetworkClient(NetworkClientOptions options, ports::Files& files,
                             std::unique_ptr<LineCaller> caller)
    : options_(std::move(options)),
      files_(files),
      caller_(std::move(caller)),
      addresses_(Value::Struct()) {}

Value NetworkClient::Ask(const Value& request) const {
  auto answer = caller_->Ask(request, kAnswerLimit);
  if (!answer.ok()) {
    spdlog::error("network: {}: {}", request.String("op"), answer.error().message());
    return Value::Struct();
  }
  if (answer->Has("error"))
    spdlog::error("network: {} {}: {}", request.String("op"), request.String("name"),
                  answer->String("error"));
  return std::move(*answer);
}

std::string NetworkClient::AddressFor(std::string_view name) {
  if (name == kItemsEndpoint) return fmt::format("{}0.{}", options_.prefix, kItemsNumber);
  std::int64_t number = addresses_.Int(name, -1);
  if (number < 0) {
    number = static_cast<std::int64_t>(addresses_.members().size());
    addresses_.Set(name, number);
    const base::Status saved =
        files_.WriteAtomically(options_.address_file, shapes::ToJson(addresses_));
    if (!saved.ok()) spdlog::error("addresses: {}", saved.error().message());
  }
  // "127.1.254." has one octet left, "127.1." two.
  const auto dots = std::count(options_.prefix.begin(), options_.prefix.end(), '.');
  const std::int64_t low = kFirstNumber + number % kPerOctet;
  if (dots == 3) return fmt::format("{}{}", options_.prefix, low);
  return fmt::format("{}{}.{}", options_.prefix, number / kPerOctet, low);
}

base::Status NetworkClient::TryPublish(const PublicEndpoint& endpoint) {
  const Value answer = Ask(Value::Struct({{"op", "publish"},
                                          {"name", endpoint.name},
                                          {"address", endpoint.address},
                                          {"port", static_cast<int>(endpoint.port)},
                                          {"backend", endpoint.backend.string()},
                                          {"region", endpoint.region},
                                          {"tell_origin", endpoint.origin == Origin::kTold}}));
  if (answer.Has("error")) return base::Already(std::string(answer.String("error")));
  if (!answer.Has("ok")) return base::Unreachable("the lab's network does not answer");
  return base::Ok();
}

void NetworkClient::Publish(const PublicEndpoint& endpoint) {
  const base::Status status = TryPublish(endpoint);
  if (!status.ok())
    spdlog::error("{} is not published: {}", endpoint.name, status.error().message());
}

void NetworkClient::Withdraw(std::string_view name) {
  Ask(Value::Struct({{"op", "withdraw"}, {"name", name}}));
}

void NetworkClient::SetIngress(std::string_view name, std::vector<std::string> cidrs) {
  Value::List list;
  for (std::string& cidr : cidrs) list.emplace_back(std::move(cidr));
  Ask(Value::Struct({{"op", "ingress"}, {"name", name}, {"cidrs", std::move(list)}}));
}

std::pair<std::string, std::uint16_t> NetworkClient::Link(std::string_view to_region,
                                                          std::string_view address,
                                                          std::uint16_t port) {
  const std::string local = AddressFor(fmt::format("link:{}:{}:{}", to_region, address, port));
  Ask(Value::Struct({{"op", "link"},
                     {"local_address", local},
                     {"local_port", static_cast<int>(port)},
                     {"to_address", address},
                     {"to_port", static_cast<int>(port)}}));
  return {local, port};
}

bool NetworkClient::IsDark(std::string_view region) const {
  return Ask(Value::Struct({{"op", "is_dark"}, {"region", region}})).Flag("dark", false);
}

}  // namespace leeward::lab
