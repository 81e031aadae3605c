#include "lab/dynamo/http_peers.h"

#include <fmt/format.h>

namespace leeward::lab::dynamo {

using shapes::Value;

std::string PeerAnswerToJson(const base::Result<Value>& answer) {
  if (answer.ok()) return shapes::ToJson(Value::Struct({{"answer", *answer}}));
  return shapes::ToJson(Value::Struct({{"error", answer.error().message()}}));
}

base::Result<Value> PeerAnswerFromJson(std::string_view json) {
  ASSIGN_OR_RETURN(const Value read, shapes::FromJson(json));
  if (const Value* error = read.Find("error"))
    return base::WrongState(error->is_string() ? error->str() : "");
  return read.Sub("answer");
}

HttpPeers::HttpPeers(os::EventLoop& loop, const ItemsOptions& options)
    : loop_(loop), pool_(loop), token_(options.internal_token) {
  for (const auto& [region, address] : options.peers) {
    regions_.push_back(region);
    addresses_[region] = address;
  }
}

void HttpPeers::Call(const std::string& region, std::string_view operation, Value input,
                     base::Duration deadline, Done done) {
  const auto address = addresses_.find(region);
  if (address == addresses_.end()) {
    return loop_.Post([done = std::move(done), region] {
      done(base::NotFound(fmt::format("{} is not a Region of this lab", region)));
    });
  }
  os::HttpCallOptions options;
  options.to = address->second;
  options.deadline = deadline;
  const ports::Headers headers{{"Host", "leeward"}, {std::string(kTokenHeader), token_}};
  const std::uint64_t id = next_call_++;
  calls_[id] = pool_.Start(
      options,
      {"POST", fmt::format("{}{}", kReplicasPath, operation), headers, shapes::ToJson(input)},
      [this, id, options, done = std::move(done)](const base::Result<ports::HttpResponse>& result) {
        // Later: the call is still on the stack.
        loop_.Post([this, id] { calls_.erase(id); });
        // While a store is replaced, its Region's API answers at its address, and goes on doing so
        // on the connections that were made then.
        if (!result.ok() || result->status != 200) pool_.Forget(options);
        if (!result.ok()) return done(result.error());
        if (result->status != 200)
          return done(base::Unreachable(fmt::format("answered {}", result->status)));
        done(PeerAnswerFromJson(result->body));
      });
}

}  // namespace leeward::lab::dynamo
