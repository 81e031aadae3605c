#include "sessions/redis_store.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "session/record_json.h"

namespace leeward::sessions {
namespace {

// KEYS: record. ARGV: expected version, new version, record, milliseconds at which it goes.
constexpr char kWrite[] = R"(
local held = redis.call('GET', KEYS[1])
local version = '0'
if held then version = string.match(held, '^(%d+):') end
if version ~= ARGV[1] then return redis.error_reply('CONFLICT it is version ' .. tostring(version)) end
redis.call('SET', KEYS[1], ARGV[2] .. ':' .. ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 1)";
// KEYS: revocation, record, list. ARGV: revocation, until, at, trim before.
constexpr char kRevoke[] = R"(
if not redis.call('GET', KEYS[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[4])
end
redis.call('DEL', KEYS[2])
return 1)";

// KEYS: documents. ARGV: name, until, text, now, most.
constexpr char kAddDocument[] = R"(
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local until_ = tonumber(string.match(all[i + 1], '^(%d+):'))
  if until_ and until_ < tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], all[i]) end
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return redis.error_reply('FULL of documents') end
return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3]))";

// A record outlives its session a little, so that it is told to be expired and not unknown.
constexpr base::Duration kAfterExpiry = std::chrono::minutes(1);

std::string MillisText(base::WallTime time) { return std::to_string(session::MillisOf(time)); }

base::Error Strange() { return base::Corrupt("redis holds something else than sessions there"); }

base::Result<std::optional<std::string>> TextOf(const redisReply* reply) {
  if (reply->type == REDIS_REPLY_NIL) return std::optional<std::string>();
  if (reply->type != REDIS_REPLY_STRING) return Strange();
  return std::optional(std::string(reply->str, reply->len));
}

}  // namespace

RedisStore::RedisStore(RedisStoreOptions options, const ports::Clock& clock)
    : options_(std::move(options)), clock_(clock), own_(options_.own, clock) {
  for (const RedisAddress& address : options_.others) {
    RedisServerOptions with = options_.own;
    with.address = address;
    others_.push_back(std::make_unique<Other>());
    others_.back()->server = std::make_unique<RedisServer>(std::move(with), clock);
  }
}

std::string RedisStore::Key(char kind, const std::string& name) const {
  return options_.prefix + kind + ":" + name;
}

base::Result<RedisReply> RedisStore::AtOwn(const std::vector<std::string>& words,
                                           base::MonotonicTime deadline) {
  return own_.Do(words, std::min(deadline, clock_.Monotonic() + options_.attempt));
}

base::Result<RedisReply> RedisStore::AtWriter(const std::vector<std::string>& words,
                                              base::MonotonicTime deadline) {
  // Its word is asked for each time: a promotion must not be missed, and a try costs little.
  auto reply = AtOwn(words, deadline);
  const bool readonly = !reply.ok() && reply.error().service_code() == "READONLY";
  const bool answered = reply.ok() || reply.error().code() != base::ErrorCode::kUnreachable;
  if (answered) follows_ = readonly;
  if (!readonly) return reply;
  return AtOthers(words, deadline);
}

base::Result<RedisReply> RedisStore::AtOthers(const std::vector<std::string>& words,
                                              base::MonotonicTime deadline) {
  base::Error last = base::Unreachable(fmt::format(
      "redis {} follows another Region's, and no other was named that could be written to",
      own_.address().ToString()));
  for (const auto& other : others_) {
    const base::MonotonicTime now = clock_.Monotonic();
    if (now.since_epoch.count() < other->not_before) {
      last = base::Unreachable(
          fmt::format("redis {} did not answer a moment ago", other->server->address().ToString()));
      continue;
    }
    auto reply = other->server->Do(words, std::min(deadline, now + options_.attempt));
    const bool fails = !reply.ok() && (reply.error().code() == base::ErrorCode::kUnreachable ||
                                       reply.error().service_code() == "READONLY");
    if (!fails) return reply;
    if (reply.error().code() == base::ErrorCode::kUnreachable)
      other->not_before = (clock_.Monotonic() + options_.pause).since_epoch.count();
    last = base::Unreachable("no Region's redis takes writes: " + reply.error().message());
  }
  return last;
}

std::vector<std::string> RedisStore::ReadWords(const session::Handle& handle) const {
  return {"MGET", Key('s', handle.str()), Key('r', handle.str())};
}

base::Result<Stored> RedisStore::StoredFrom(const base::Result<RedisReply>& reply) const {
  if (!reply.ok()) return reply.error();
  if ((*reply)->type != REDIS_REPLY_ARRAY || (*reply)->elements != 2) return Strange();
  Stored stored;
  ASSIGN_OR_RETURN(const auto record, TextOf((*reply)->element[0]));
  ASSIGN_OR_RETURN(const auto revocation, TextOf((*reply)->element[1]));
  if (record) {
    const std::size_t colon = record->find(':');
    const auto [rest, error] = std::from_chars(
        record->data(), record->data() + std::min(colon, record->size()), stored.version);
    if (colon == record->npos || error != std::errc() || rest != record->data() + colon)
      return Strange();
    ASSIGN_OR_RETURN(
        stored.held.session,
        session::SessionFromJson(std::string_view(*record).substr(colon + 1), options_.data));
  }
  if (revocation) {
    ASSIGN_OR_RETURN(stored.held.revocation, session::RevocationFromJson(*revocation));
  }
  return stored;
}

base::Result<Stored> RedisStore::Read(const session::Handle& handle, ReadFor what_for,
                                      base::MonotonicTime deadline) {
  const std::vector<std::string> words = ReadWords(handle);
  ASSIGN_OR_RETURN(Stored stored, StoredFrom(AtOwn(words, deadline)));
  if (stored.held.revocation || !follows_) return stored;
  // It may be behind the Region that takes the writes: what is to be changed, and what it does not
  // know yet, is asked for there.
  const bool unknown = !stored.held.session;
  if (what_for == ReadFor::kLook && !unknown) return stored;
  const auto there = StoredFrom(AtOthers(words, deadline));
  if (there.ok()) return *there;
  if (what_for == ReadFor::kLook) return stored;
  // It may have been promoted since.
  const auto role = Ping(deadline);
  if (!role.ok()) return role.error();
  return follows_ ? there : StoredFrom(AtOwn(words, deadline));
}

base::Result<std::uint64_t> RedisStore::Write(const session::Session& session,
                                              std::uint64_t expected,
                                              base::MonotonicTime deadline) {
  const std::uint64_t version = expected + 1;
  const auto reply = AtWriter(
      {"EVAL", kWrite, "1", Key('s', session.handle.str()), std::to_string(expected),
       std::to_string(version), ToJson(session), MillisText(session.expires + kAfterExpiry)},
      deadline);
  if (reply.ok()) return version;
  if (reply.error().service_code() == "CONFLICT")
    return base::WrongState("the session was changed meanwhile");
  if (reply.error().service_code() == "OOM")
    return base::Exhausted(reply.error().message()).WithServiceCode("full");
  return reply.error();
}

std::vector<std::string> RedisStore::RevokeWords(const session::Revocation& revocation) const {
  const base::WallTime trim = clock_.Now() - 2 * options_.life;
  return {"EVAL",
          kRevoke,
          "3",
          Key('r', revocation.handle.str()),
          Key('s', revocation.handle.str()),
          Key('l', "revoked"),
          ToJson(revocation),
          MillisText(revocation.until),
          MillisText(revocation.at),
          MillisText(trim)};
}

base::Status RedisStore::Revoke(const session::Revocation& revocation,
                                base::MonotonicTime deadline) {
  const auto reply = AtWriter(RevokeWords(revocation), deadline);
  return reply.ok() ? base::Ok() : base::Status(reply.error());
}

base::Result<bool> RedisStore::Settle(const session::Revocation& revocation,
                                      base::MonotonicTime deadline) {
  const auto reply = AtOwn(RevokeWords(revocation), deadline);
  if (reply.ok()) {
    follows_ = false;
    return true;
  }
  if (reply.error().service_code() != "READONLY") return reply.error();
  follows_ = true;
  ASSIGN_OR_RETURN(const Stored stored, StoredFrom(AtOwn(ReadWords(revocation.handle), deadline)));
  return stored.held.revocation.has_value();
}

base::Result<std::vector<session::Revocation>> RedisStore::RevokedSince(
    base::WallTime since, std::size_t limit, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply reply,
                   AtOwn({"ZRANGEBYSCORE", Key('l', "revoked"), MillisText(since), "+inf", "LIMIT",
                          "0", std::to_string(limit + 1)},
                         deadline));
  if (reply->type != REDIS_REPLY_ARRAY) return Strange();
  if (reply->elements > limit)
    return base::Exhausted("there are more revocations than can be listed");
  std::vector<session::Revocation> found;
  for (std::size_t i = 0; i < reply->elements; ++i) {
    ASSIGN_OR_RETURN(const auto text, TextOf(reply->element[i]));
    if (!text) return Strange();
    ASSIGN_OR_RETURN(session::Revocation one, session::RevocationFromJson(*text));
    found.push_back(std::move(one));
  }
  return found;
}

base::Result<Page> RedisStore::List(const std::string& cursor, std::size_t limit,
                                    base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply reply,
                   AtOwn({"SCAN", cursor.empty() ? "0" : cursor, "MATCH",
                          options_.prefix + "[sr]:*", "COUNT", std::to_string(limit)},
                         deadline));
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      reply->element[1]->type != REDIS_REPLY_ARRAY) {
    return Strange();
  }
  Page page;
  ASSIGN_OR_RETURN(const auto next, TextOf(reply->element[0]));
  if (next && *next != "0") page.next = *next;
  const redisReply* keys = reply->element[1];
  for (std::size_t i = 0; i < keys->elements; ++i) {
    ASSIGN_OR_RETURN(const auto key, TextOf(keys->element[i]));
    const std::string name = key->substr(options_.prefix.size() + 2);
    if (!session::IsHandle(name)) continue;
    ASSIGN_OR_RETURN(Stored stored, StoredFrom(AtOwn(ReadWords(session::Handle(name)), deadline)));
    if (stored.held.session || stored.held.revocation)
      page.entries.push_back(Merge(stored.held, {}));
  }
  return page;
}

base::Status RedisStore::AddDocument(const Document& document, base::WallTime until,
                                     base::MonotonicTime deadline) {
  const auto reply =
      AtWriter({"EVAL", kAddDocument, "1", Key('d', "documents"), document.name, MillisText(until),
                document.text, MillisText(clock_.Now()), std::to_string(kMostDocuments)},
               deadline);
  if (!reply.ok()) return reply.error();
  if ((*reply)->type != REDIS_REPLY_INTEGER) return Strange();
  return (*reply)->integer == 1 ? base::Ok() : base::Status(base::Already(document.name));
}

base::Result<std::vector<Document>> RedisStore::Documents(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply reply, AtOwn({"HGETALL", Key('d', "documents")}, deadline));
  if (reply->type != REDIS_REPLY_ARRAY) return Strange();
  if (reply->elements > 2 * kMostDocuments) return base::Exhausted("there are too many documents");
  std::vector<Document> all;
  for (std::size_t i = 0; i + 1 < reply->elements; i += 2) {
    ASSIGN_OR_RETURN(const auto name, TextOf(reply->element[i]));
    ASSIGN_OR_RETURN(const auto text, TextOf(reply->element[i + 1]));
    const std::size_t colon = text ? text->find(':') : std::string::npos;
    if (name && colon != std::string::npos) all.push_back({*name, text->substr(colon + 1)});
  }
  return all;
}

base::Result<std::string> RedisStore::Ping(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const RedisReply reply, AtOwn({"ROLE"}, deadline));
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return Strange();
  ASSIGN_OR_RETURN(const auto role, TextOf(reply->element[0]));
  follows_ = role != "master";
  return fmt::format("redis {}, {}", own_.address().ToString(),
                     follows_ ? "follows another Region" : "primary");
}

}  // namespace leeward::sessions
