// Commands to one Redis server over its Unix socket, from a worker thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::lab::elasticache {

inline constexpr std::string_view kAdminUser = "leeward";

struct RedisTarget {
  std::string socket;
  std::string secret;                     // of the user kAdminUser
  base::Duration timeout{2'000'000'000};  // to connect, and for each answer
};

using RedisCommand = std::vector<std::string>;

// Runs the commands on one connection and returns the last answer as text (an integer in digits).
// kUnreachable when there is no server or no answer in time; kServiceBroken with the server's own
// words when it refuses one.
base::Result<std::string> AskRedis(const RedisTarget& target,
                                   const std::vector<RedisCommand>& commands);

// The lines "name:value" of an INFO answer.
using RedisInfo = std::map<std::string, std::string, std::less<>>;
RedisInfo ParseInfo(std::string_view text);
// The member as a number; `fallback` when it is not there or is none.
std::int64_t InfoNumber(const RedisInfo& info, std::string_view name, std::int64_t fallback = 0);
bool InfoIs(const RedisInfo& info, std::string_view name, std::string_view value);

}  // namespace leeward::lab::elasticache
