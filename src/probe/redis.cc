#include "probe/redis.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace leeward::probe {
namespace {

constexpr int kMaxDepth = 8;  // of lists in a reply

base::Error Refusal(const RedisAddress& address, std::string_view text) {
  const std::string word(text.substr(0, text.find(' ')));
  const std::string message = address.Text() + ": " + std::string(text);
  base::ErrorCode code = base::ErrorCode::kInvalid;
  if (word == "READONLY") code = base::ErrorCode::kWrongState;
  for (const char* denial : {"NOAUTH", "WRONGPASS", "NOPERM"}) {
    if (word == denial) code = base::ErrorCode::kDenied;
  }
  for (const char* passing : {"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}) {
    if (word == passing) code = base::ErrorCode::kService;
  }
  return base::Error(code, message).WithServiceCode(word);
}

// Lists nested deeper than any that Redis sends are left out.
RedisReply ReplyOf(const redisReply& raw, int depth) {
  RedisReply reply;
  switch (raw.type) {
    case REDIS_REPLY_INTEGER:
      reply.kind = RedisReply::Kind::kNumber;
      reply.number = raw.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      reply.kind = RedisReply::Kind::kText;
      reply.text.assign(raw.str, static_cast<std::size_t>(raw.len));
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = RedisReply::Kind::kList;
      for (std::size_t i = 0; depth < kMaxDepth && i < raw.elements; ++i)
        reply.list.push_back(ReplyOf(*raw.element[i], depth + 1));
      break;
    default:
      break;
  }
  return reply;
}

std::string KeyOf(std::string_view what) { return "leeward:" + std::string(what); }

// "role:master" of INFO's lines.
std::string_view InfoField(std::string_view info, std::string_view name) {
  for (std::size_t at = 0; at < info.size();) {
    const std::size_t end = std::min(info.find("\r\n", at), info.size());
    const std::string_view line = info.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return line.substr(name.size() + 1);
    at = end + 2;
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<RedisSession>> RedisSession::Open(const RedisAddress& address,
                                                               const Resolver& resolver,
                                                               base::MonotonicTime deadline,
                                                               const ports::Clock& clock,
                                                               const Cancelled& cancelled) {
  const auto place = [&](base::Error error) { return std::move(error).Context(address.Text()); };
  auto answer = resolver.Resolve(address.host, deadline, cancelled);
  if (!answer.ok()) return place(std::move(answer).error());
  const std::string& ip = answer->addresses.front();
  redisContext* context =
      address.source_address.empty()
          ? redisConnectNonBlock(ip.c_str(), address.port)
          : redisConnectBindNonBlock(ip.c_str(), address.port, address.source_address.c_str());
  if (context == nullptr) return base::Exhausted("no memory for a session");
  std::unique_ptr<RedisSession> session(new RedisSession(context, address, clock));
  const base::Status connected = session->Connect(deadline, cancelled);
  if (!connected.ok()) return place(connected.error());
  if (!address.password.empty()) {
    auto told = session->Command({"AUTH", address.password}, deadline, cancelled);
    // A server that asks for no token refuses one; that is a wrong spec, not a wrong token.
    if (!told.ok()) return std::move(told).error();
  }
  return session;
}

RedisSession::~RedisSession() { redisFree(context_); }

base::Status RedisSession::Connect(base::MonotonicTime deadline, const Cancelled& cancelled) {
  if (context_->err != 0)
    return Break(base::Unreachable(std::string("no connection: ") + context_->errstr));
  const base::Status ready = WaitFor(context_->fd, Ready::kWrite, deadline, clock_, cancelled);
  if (!ready.ok()) return Break(base::Error(ready.error()).Context("connecting"));
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return base::Ok();
  return Break(base::Unreachable(std::string("no connection: ") + strerror(error)));
}

base::Error RedisSession::Break(base::Error error) {
  broken_ = true;
  return error;
}

base::Status RedisSession::Flush(base::MonotonicTime deadline, const Cancelled& cancelled) {
  for (int done = 0; done == 0;) {
    base::Status ready = WaitFor(context_->fd, Ready::kWrite, deadline, clock_, cancelled);
    if (!ready.ok()) return ready;
    if (redisBufferWrite(context_, &done) != REDIS_OK) return base::Unreachable(context_->errstr);
  }
  return base::Ok();
}

base::Result<RedisReply> RedisSession::Read(base::MonotonicTime deadline,
                                            const Cancelled& cancelled) {
  while (true) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_, &raw) != REDIS_OK)
      return Break(base::Unreachable(std::string("no reply: ") + context_->errstr));
    if (raw != nullptr) {
      auto* reply = static_cast<redisReply*>(raw);
      RedisReply read = ReplyOf(*reply, 0);
      const bool refused = reply->type == REDIS_REPLY_ERROR;
      freeReplyObject(reply);
      if (refused) return Refusal(address_, read.text);
      return read;
    }
    const base::Status ready = WaitFor(context_->fd, Ready::kRead, deadline, clock_, cancelled);
    if (!ready.ok()) return Break(base::Error(ready.error()).Context(address_.Text()));
    if (redisBufferRead(context_) != REDIS_OK)
      return Break(base::Unreachable(address_.Text() + ": " + context_->errstr));
  }
}

base::Result<std::vector<RedisReply>> RedisSession::Commands(
    const std::vector<std::vector<std::string>>& commands, base::MonotonicTime deadline,
    const Cancelled& cancelled) {
  if (broken_) return base::Unreachable("the session to " + address_.Text() + " is broken");
  for (const std::vector<std::string>& words : commands) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    if (redisAppendCommandArgv(context_, static_cast<int>(texts.size()), texts.data(),
                               sizes.data()) != REDIS_OK)
      return Break(base::Exhausted(context_->errstr));
  }
  const base::Status sent = Flush(deadline, cancelled);
  if (!sent.ok()) return Break(base::Error(sent.error()).Context(address_.Text()));
  std::vector<RedisReply> replies;
  std::optional<base::Error> refused;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    base::Result<RedisReply> reply = Read(deadline, cancelled);
    if (!reply.ok() && broken_) return std::move(reply).error();
    if (!reply.ok() && !refused) refused = reply.error();
    replies.push_back(reply.ok() ? *std::move(reply) : RedisReply{});
  }
  if (refused) return *std::move(refused);
  return replies;
}

base::Result<RedisReply> RedisSession::Command(const std::vector<std::string>& words,
                                               base::MonotonicTime deadline,
                                               const Cancelled& cancelled) {
  ASSIGN_OR_RETURN(std::vector<RedisReply> replies, Commands({words}, deadline, cancelled));
  return std::move(replies.front());
}

base::Result<RedisStanding> ReadStanding(RedisSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply info, session.Command({"INFO", "replication"}, deadline));
  const std::string_view role = InfoField(info.text, "role");
  if (role.empty())
    return base::ServiceBroken(session.address().Text() + " does not say what its role is");
  return RedisStanding{role == "master",
                       InfoField(info.text, "master_link_status") == "up" &&
                           InfoField(info.text, "master_sync_in_progress") != "1"};
}

base::Status PutStamp(RedisSession& session, std::string_view what, base::WallTime stamp,
                      base::MonotonicTime deadline) {
  const auto put =
      session.Command({"SET", KeyOf(what), std::to_string(stamp.since_epoch.count())}, deadline);
  return put.ok() ? base::Ok() : base::Status(put.error());
}

base::Result<std::optional<base::WallTime>> GetStamp(RedisSession& session, std::string_view what,
                                                     base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply reply, session.Command({"GET", KeyOf(what)}, deadline));
  if (reply.kind == RedisReply::Kind::kNothing) return std::optional<base::WallTime>();
  std::int64_t stamp = 0;
  const char* end = reply.text.data() + reply.text.size();
  if (std::from_chars(reply.text.data(), end, stamp).ptr != end || reply.text.empty())
    return base::Corrupt("key " + KeyOf(what) + " at " + session.address().Text() +
                         " holds no stamp; delete it");
  return std::optional<base::WallTime>(base::WallTime{base::Duration(stamp)});
}

base::Status HoldWrites(RedisSession& session, const Held& held, base::MonotonicTime deadline) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(held.duration).count();
  ASSIGN_OR_RETURN(
      const std::vector<RedisReply> replies,
      session.Commands({{"MULTI"},
                        {"SET", KeyOf(held.what), std::to_string(held.stamp.since_epoch.count())},
                        {"CLIENT", "PAUSE", std::to_string(millis), "WRITE"},
                        {"EXEC"}},
                       deadline));
  // What is refused inside a transaction is an item of its answer.
  const std::vector<RedisReply>& done = replies.back().list;
  if (done.size() == 2 && done[0].text == "OK" && done[1].text == "OK") return base::Ok();
  for (const RedisReply& one : done) {
    if (one.text != "OK") return Refusal(session.address(), one.text);
  }
  return base::ServiceBroken(session.address().Text() + " did not hold its writes");
}

base::Status ProlongHold(RedisSession& session, base::Duration duration,
                         base::MonotonicTime deadline) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  const auto held = session.Command({"CLIENT", "PAUSE", std::to_string(millis), "WRITE"}, deadline);
  return held.ok() ? base::Ok() : base::Status(held.error());
}

base::Status ReleaseWrites(RedisSession& session, base::MonotonicTime deadline) {
  const auto released = session.Command({"CLIENT", "UNPAUSE"}, deadline);
  return released.ok() ? base::Ok() : base::Status(released.error());
}

namespace {

constexpr char kScanCount[] = "500";

std::vector<std::vector<std::string>> Dumps(const std::vector<RedisReply>& keys) {
  std::vector<std::vector<std::string>> commands;
  for (const RedisReply& key : keys) {
    if (!key.text.starts_with("leeward:")) commands.push_back({"DUMP", key.text});
  }
  return commands;
}

// The trailing ten bytes of a dump are its version and checksum; versions of two servers may
// differ.
std::string_view Payload(const RedisReply& dump) {
  constexpr std::size_t kTail = 10;
  const std::string_view text = dump.text;
  return text.substr(0, text.size() < kTail ? 0 : text.size() - kTail);
}

void Compare(const std::vector<std::vector<std::string>>& commands,
             const std::vector<RedisReply>& mine, const std::vector<RedisReply>& theirs,
             KeyDifferences* found) {
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (mine[i].kind == RedisReply::Kind::kNothing) continue;  // gone since it was listed
    const bool missing = theirs[i].kind == RedisReply::Kind::kNothing;
    if (!missing && Payload(mine[i]) == Payload(theirs[i])) continue;
    ++(missing ? found->missing : found->other);
    if (found->examples.size() < kMaxKeyExamples) found->examples.push_back(commands[i][1]);
  }
}

}  // namespace

base::Result<KeyDifferences> CompareKeys(RedisSession& old, RedisSession& fresh, std::uint64_t most,
                                         base::MonotonicTime deadline, const Cancelled& cancelled) {
  KeyDifferences found;
  std::string cursor = "0";
  do {
    ASSIGN_OR_RETURN(const RedisReply page,
                     old.Command({"SCAN", cursor, "COUNT", kScanCount}, deadline, cancelled));
    if (page.list.size() != 2) return base::ServiceBroken("SCAN answered without keys");
    cursor = page.list[0].text;
    const std::vector<std::vector<std::string>> dumps = Dumps(page.list[1].list);
    if (!dumps.empty()) {
      ASSIGN_OR_RETURN(const auto mine, old.Commands(dumps, deadline, cancelled));
      ASSIGN_OR_RETURN(const auto theirs, fresh.Commands(dumps, deadline, cancelled));
      Compare(dumps, mine, theirs, &found);
      found.looked_at += dumps.size();
    }
    if (found.looked_at >= most && cursor != "0") {
      found.complete = false;
      return found;
    }
  } while (cursor != "0");
  return found;
}

}  // namespace leeward::probe
