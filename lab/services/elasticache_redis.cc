#include "lab/services/elasticache_redis.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <charconv>
#include <memory>

namespace leeward::lab::elasticache {
namespace {

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

timeval ToTimeval(base::Duration duration) {
  constexpr std::int64_t kNanosPerMicro = 1000;
  constexpr std::int64_t kMicrosPerSecond = 1'000'000;
  const std::int64_t micros = duration.count() / kNanosPerMicro;
  return {micros / kMicrosPerSecond, micros % kMicrosPerSecond};
}

base::Result<std::string> AskOne(redisContext* context, const RedisCommand& command) {
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const std::string& word : command) {
    argv.push_back(word.data());
    lengths.push_back(word.size());
  }
  const ReplyPtr reply(static_cast<redisReply*>(
      redisCommandArgv(context, static_cast<int>(argv.size()), argv.data(), lengths.data())));
  if (reply == nullptr) {
    return base::Unreachable(fmt::format("Redis does not answer: {}", context->errstr));
  }
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  std::string text = reply->str == nullptr ? std::string() : std::string(reply->str, reply->len);
  // Only the name of the command is told: its arguments may be secrets.
  if (reply->type == REDIS_REPLY_ERROR) {
    return base::ServiceBroken(fmt::format("Redis refuses {}: {}", command.front(), text));
  }
  return text;
}

}  // namespace

base::Result<std::string> AskRedis(const RedisTarget& target,
                                   const std::vector<RedisCommand>& commands) {
  const Context context(
      redisConnectUnixWithTimeout(target.socket.c_str(), ToTimeval(target.timeout)));
  if (context == nullptr || context->err != 0) {
    return base::Unreachable(fmt::format("cannot connect to Redis at {}: {}", target.socket,
                                         context == nullptr ? "no memory" : context->errstr));
  }
  redisSetTimeout(context.get(), ToTimeval(target.timeout));
  base::Result<std::string> answer =
      AskOne(context.get(), {"AUTH", std::string(kAdminUser), target.secret});
  for (const RedisCommand& command : commands) {
    if (!answer.ok()) return answer;
    answer = AskOne(context.get(), command);
  }
  return answer;
}

RedisInfo ParseInfo(std::string_view text) {
  RedisInfo info;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    info.emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  return info;
}

std::int64_t InfoNumber(const RedisInfo& info, std::string_view name, std::int64_t fallback) {
  const auto found = info.find(name);
  if (found == info.end()) return fallback;
  std::int64_t number = fallback;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

bool InfoIs(const RedisInfo& info, std::string_view name, std::string_view value) {
  const auto found = info.find(name);
  return found != info.end() && found->second == value;
}

}  // namespace leeward::lab::elasticache
