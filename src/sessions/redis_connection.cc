#include "sessions/redis_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "os/socket.h"

namespace leeward::sessions {
namespace {

timeval TimeFor(base::Duration left) {
  const auto micros = std::max<std::int64_t>(
      1000, std::chrono::duration_cast<std::chrono::microseconds>(left).count());
  constexpr std::int64_t kMillion = 1'000'000;
  return {static_cast<time_t>(micros / kMillion), static_cast<suseconds_t>(micros % kMillion)};
}

base::ErrorCode CodeOf(std::string_view word) {
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM") return base::ErrorCode::kDenied;
  if (word == "READONLY") return base::ErrorCode::kWrongState;
  if (word == "OOM") return base::ErrorCode::kThrottled;
  if (word == "LOADING" || word == "MASTERDOWN") return base::ErrorCode::kUnreachable;
  return base::ErrorCode::kService;
}

// Waits until the connection is decided, and makes the descriptor blocking as hiredis wants it.
base::Status Settle(int descriptor, const os::Address& to, base::Duration left) {
  pollfd wait{descriptor, POLLOUT, 0};
  const int ready =
      ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(1, base::Millis(left))));
  if (ready <= 0) return base::Unreachable(to.ToString() + " did not answer in time");
  RETURN_IF_ERROR(os::ConnectOutcome(descriptor, to));
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0)
    return base::ServiceBroken(std::string("fcntl: ") + ::strerror(errno));
  return base::Ok();
}

}  // namespace

std::string RedisAddress::ToString() const { return fmt::format("{}:{}", host, port); }

base::Result<RedisAddress> ParseRedisAddress(const std::string& text) {
  constexpr int kMostPort = 65535;
  const std::size_t colon = text.rfind(':');
  RedisAddress address;
  if (colon != text.npos && colon > 0) {
    address.host = text.substr(0, colon);
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error == std::errc() && rest == end && address.port > 0 && address.port <= kMostPort)
      return address;
  }
  return base::Invalid(fmt::format("'{}' is no HOST:PORT, such as 10.0.1.5:6379", text));
}

void FreeReply::operator()(redisReply* reply) const { freeReplyObject(reply); }
void RedisServer::FreeContext::operator()(redisContext* context) const { redisFree(context); }

RedisServer::RedisServer(RedisServerOptions options, const ports::Clock& clock)
    : options_(std::move(options)), clock_(clock) {}
RedisServer::~RedisServer() = default;

base::Error RedisServer::Lost(std::string_view why) const {
  return base::Unreachable(fmt::format("redis {}: {}", options_.address.ToString(), why));
}

RedisServer::Context RedisServer::Take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  Context context = std::move(idle_.back());
  idle_.pop_back();
  return context;
}

void RedisServer::Give(Context context) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < options_.most_idle) idle_.push_back(std::move(context));
}

base::Result<RedisServer::Context> RedisServer::Connect(base::MonotonicTime deadline) {
  os::Address to;
  to.host = options_.address.host;
  to.port = static_cast<std::uint16_t>(options_.address.port);
  if (options_.resolve) {
    ASSIGN_OR_RETURN(to.host, options_.resolve(to.host, deadline));
  }
  auto begun = os::StartConnect(to, options_.source_address);
  if (!begun.ok()) return Lost(begun.error().message());
  const int descriptor = *begun;
  const base::Status settled = Settle(descriptor, to, deadline - clock_.Monotonic());
  if (!settled.ok()) {
    ::close(descriptor);
    return Lost(settled.error().message());
  }
  Context context(redisConnectFd(descriptor));
  if (context == nullptr) {
    ::close(descriptor);
    return Lost("no memory for a connection");
  }
  if (options_.password.empty()) return context;
  std::vector<std::string> words = {"AUTH"};
  if (!options_.user.empty()) words.push_back(options_.user);
  words.push_back(options_.password);
  const auto answer = Ask(context.get(), words, deadline);
  if (!answer.ok()) return answer.error();
  return context;
}

base::Result<RedisReply> RedisServer::Ask(redisContext* context,
                                          const std::vector<std::string>& words,
                                          base::MonotonicTime deadline) {
  const base::Duration left = deadline - clock_.Monotonic();
  if (left <= base::Duration{0}) return Lost("no time is left to ask");
  redisSetTimeout(context, TimeFor(left));
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  RedisReply reply(static_cast<redisReply*>(
      redisCommandArgv(context, static_cast<int>(words.size()), texts.data(), sizes.data())));
  if (reply == nullptr) {
    const bool late = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    return Lost(late ? "no answer in time" : context->errstr);
  }
  if (reply->type != REDIS_REPLY_ERROR) return reply;
  const std::string_view text(reply->str, reply->len);
  const std::string word(text.substr(0, text.find(' ')));
  return base::Error(CodeOf(word), fmt::format("redis {}: {}", options_.address.ToString(), text))
      .WithServiceCode(word);
}

base::Result<RedisReply> RedisServer::Do(const std::vector<std::string>& words,
                                         base::MonotonicTime deadline) {
  // A connection that was kept may have been closed by the other side since: then a new one is
  // tried at once. Every command of ours may be sent twice.
  for (Context kept = Take();; kept = nullptr) {
    const bool fresh = kept == nullptr;
    if (fresh) {
      ASSIGN_OR_RETURN(kept, Connect(deadline));
    }
    auto reply = Ask(kept.get(), words, deadline);
    if (kept->err == 0) {
      Give(std::move(kept));
      return reply;
    }
    if (fresh || clock_.Monotonic() >= deadline) return reply;
  }
}

}  // namespace leeward::sessions
