#include "lab/control/gateway.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/dynamo/front.h"
#include "lab/services/all.h"
#include "lab/wire/s3_body.h"

namespace leeward::lab {
namespace {

// A request to a dead Region is given up after this, whatever the client does.
constexpr base::Duration kMaxWait = std::chrono::minutes(10);
constexpr std::size_t kMaxHanging = 1000;

const ServiceEntry* FindEntry(std::string_view service) {
  for (const ServiceEntry& entry : AllServices()) {
    if (entry.name == service) return &entry;
  }
  return nullptr;
}

}  // namespace

void Gateway::Refuse(const std::shared_ptr<os::HttpExchange>& exchange, const wire::Route& route,
                     const ApiError& error) {
  exchange->Reply(wire::EncodeError(route.protocol, route.model, route.operation, error,
                                    "00000000-0000-4000-a000-000000000000"));
}

void Gateway::Handle(const std::shared_ptr<os::HttpExchange>& exchange) {
  if (IsForItems(exchange->request())) return HandleItems(exchange);
  const wire::Request request = ToWire(exchange->request());
  wire::Claim claim;
  const wire::AuthOutcome outcome = wire::ReadClaim(request, &claim);
  const wire::Route route = wire::FindRoute(request, claim.service, shapes::AllModels());
  const bool open = route.operation != nullptr && route.operation->unsigned_request;
  if (!outcome.ok() && !(outcome.problem == wire::AuthProblem::kMissing && open)) {
    return Refuse(exchange, route, wire::AuthError(outcome, route.protocol));
  }
  const ServiceEntry* entry = route.model == nullptr ? nullptr : FindEntry(route.model->service);
  if (entry != nullptr && entry->place == Place::kGlobal)
    return HandleGlobal(exchange, *entry, route);
  const std::string region =
      open && claim.region.empty() ? host_.config().regions.front() : claim.region;
  if (!host_.config().HasRegion(region)) {
    std::string served;
    for (const std::string& name : host_.config().regions)
      served += (served.empty() ? "" : ", ") + name;
    const wire::AuthOutcome wrong{
        wire::AuthProblem::kWrongScope,
        fmt::format("Credential should be scoped to a valid region: this lab has {}, not '{}'",
                    served, region)};
    return Refuse(
        exchange, route,
        wire::IsForS3(claim) ? wire::S3AuthError(wrong) : wire::AuthError(wrong, route.protocol));
  }
  Forward(exchange, region);
}

// Which Region is all that is read here. One that says none, or none of this lab, is told so by the
// first Region that can be asked: it says it as DynamoDB does.
void Gateway::HandleItems(const std::shared_ptr<os::HttpExchange>& exchange) {
  const LabConfig& config = host_.config();
  std::string region(dynamo::RegionOfScope(exchange->request().Header("Authorization")));
  if (!config.HasRegion(region)) {
    const auto lit = std::find_if(config.regions.begin(), config.regions.end(),
                                  [&](const auto& each) { return !host_.network().IsDark(each); });
    region = lit == config.regions.end() ? config.regions.front() : *lit;
  }
  items_.HandOn(exchange, {config.ItemsAddress(region), kItemsPort, ""});
}

void Gateway::Forward(const std::shared_ptr<os::HttpExchange>& exchange,
                      const std::string& region) {
  if (calls_.size() >= kMaxHanging) {
    return exchange->Reply(
        {503, {{"Content-Type", "text/plain"}}, "the gateway holds too many requests\n"});
  }
  const os::HttpServerRequest& request = exchange->request();
  os::HttpCallOptions options;
  options.to = {host_.config().ApiAddress(region), kApiPort, ""};
  options.deadline = kMaxWait;
  const std::uint64_t id = next_call_++;
  exchange->OnGone([this, id] { calls_.erase(id); });
  auto done = [this, id, exchange](base::Result<ports::HttpResponse> result) {
    host_.Post([this, id] { calls_.erase(id); });
    if (!result.ok()) {
      return exchange->Reply(
          {503, {{"Content-Type", "text/plain"}}, result.error().message() + "\n"});
    }
    const bool head = exchange->request().method == "HEAD";  // says a length that it does not send
    std::erase_if(result->headers, [head](const auto& header) {
      return (!head && wire::SameText(header.first, "Content-Length")) ||
             wire::SameText(header.first, "Connection");
    });
    exchange->Reply(std::move(*result));
  };
  calls_[id] = pool_.Start(options, {request.method, request.target, request.headers, request.body},
                           std::move(done));
}

void Gateway::HandleGlobal(const std::shared_ptr<os::HttpExchange>& exchange,
                           const ServiceEntry& entry, const wire::Route& route) {
  const std::string home(entry.control_plane);
  if (!home.empty() && host_.config().HasRegion(home)) {
    if (host_.network().IsDark(home)) return Hang(exchange);
    if (control_planes_[home] == Api::ControlPlane::kDown) {
      return Refuse(
          exchange, route,
          {"ServiceUnavailable",
           fmt::format("The control plane of {} is in {}, where it is down", entry.name, home),
           503,
           {}});
    }
  }
  global_api_.Handle(exchange);
}

// Kept unanswered until the client gives up, or for the longest a client waits.
void Gateway::Hang(const std::shared_ptr<os::HttpExchange>& exchange) {
  const std::uint64_t id = next_call_++;
  const auto timer = host_.loop().After(kMaxWait, [exchange, this, id] { calls_.erase(id); });
  calls_[id] = nullptr;
  exchange->OnGone([this, id, timer] {
    calls_.erase(id);
    // Not here: the timer holds the exchange whose callback this is.
    host_.Post([this, timer] { host_.loop().Cancel(timer); });
  });
}

}  // namespace leeward::lab
