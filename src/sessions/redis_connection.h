// One Redis server, with the connections to it that are kept: each call has one to itself.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"

struct redisContext;
struct redisReply;

namespace leeward::sessions {

struct RedisAddress {
  std::string host;  // a name or a literal IPv4 address
  int port = 6379;
  std::string ToString() const;
};
base::Result<RedisAddress> ParseRedisAddress(const std::string& text);  // "HOST:PORT"

// A literal address for a name, before the deadline.
using ResolveName =
    std::function<base::Result<std::string>(const std::string& name, base::MonotonicTime deadline)>;

struct RedisServerOptions {
  RedisAddress address;
  std::string user, password;  // empty: none is given
  std::string source_address;
  ResolveName resolve;  // empty: only literal addresses
  std::size_t most_idle = 32;
};

struct FreeReply {
  void operator()(redisReply* reply) const;
};
using RedisReply = std::unique_ptr<redisReply, FreeReply>;

class RedisServer {
 public:
  RedisServer(RedisServerOptions options, const ports::Clock& clock);
  ~RedisServer();

  // One command; its words may hold any bytes. kUnreachable: no answer by the deadline. An answer
  // that is an error is an Error with its first word as service code ("READONLY"): kDenied for
  // NOAUTH, WRONGPASS and NOPERM, kWrongState for READONLY, kThrottled for OOM, kUnreachable for
  // LOADING and MASTERDOWN, else kService.
  base::Result<RedisReply> Do(const std::vector<std::string>& words, base::MonotonicTime deadline);
  const RedisAddress& address() const { return options_.address; }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const;
  };
  using Context = std::unique_ptr<redisContext, FreeContext>;

  base::Result<Context> Connect(base::MonotonicTime deadline);
  base::Result<RedisReply> Ask(redisContext* context, const std::vector<std::string>& words,
                               base::MonotonicTime deadline);
  base::Error Lost(std::string_view why) const;
  Context Take();
  void Give(Context context);

  const RedisServerOptions options_;
  const ports::Clock& clock_;
  std::mutex mutex_;
  std::vector<Context> idle_;
};

}  // namespace leeward::sessions
