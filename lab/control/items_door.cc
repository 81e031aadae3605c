#include "lab/control/items_door.h"

#include "lab/dynamo/front.h"
#include "lab/wire/request.h"

namespace leeward::lab {
namespace {

constexpr base::Duration kMaxWait = std::chrono::minutes(10);
constexpr std::size_t kMaxHanging = 1000;

}  // namespace

bool IsForItems(const os::HttpServerRequest& request) {
  const std::string_view target = request.Header("X-Amz-Target");
  return target.starts_with("DynamoDB_20120810.") ||
         target.starts_with("DynamoDBStreams_20120810.");
}

void ItemsDoor::Refuse(const std::shared_ptr<os::HttpExchange>& exchange) {
  exchange->Reply(dynamo::InternalServerError());
}

void ItemsDoor::HandOn(const std::shared_ptr<os::HttpExchange>& exchange, const os::Address& to) {
  if (calls_.size() >= kMaxHanging) return Refuse(exchange);
  const os::HttpServerRequest& request = exchange->request();
  os::HttpCallOptions options;
  options.to = to;
  options.deadline = kMaxWait;
  const std::uint64_t id = next_call_++;
  exchange->OnGone([this, id] { calls_.erase(id); });
  auto done = [this, id, exchange](base::Result<ports::HttpResponse> result) {
    host_.Post([this, id] { calls_.erase(id); });
    if (!result.ok()) return Refuse(exchange);
    std::erase_if(result->headers, [](const auto& header) {
      return wire::SameText(header.first, "Content-Length") ||
             wire::SameText(header.first, "Connection");
    });
    exchange->Reply(std::move(*result));
  };
  calls_[id] = pool_.Start(options, {request.method, request.target, request.headers, request.body},
                           std::move(done));
}

}  // namespace leeward::lab
