#include "probe/prober.h"

#include <utility>

namespace leeward::probe {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Prober::Prober(ProbeTarget target, Standpoint standpoint, const Resolver& resolver,
               const ports::Clock& clock)
    : target_(std::move(target)),
      standpoint_(std::move(standpoint)),
      resolver_(resolver),
      clock_(clock) {}

model::Observation Prober::Probe(base::Duration timeout) {
  model::Observation seen;
  seen.observer = standpoint_.observer;
  seen.from = standpoint_.region;
  seen.target = target_.target;
  seen.sequence = ++sequence_;
  seen.at = clock_.Now();
  const base::MonotonicTime begin = clock_.Monotonic();
  const base::Result<std::string> answer = Ask(begin + timeout);
  seen.took = clock_.Monotonic() - begin;
  seen.seen = answer.ok() ? model::Seen::kGood : model::Seen::kBad;
  seen.detail = answer.ok() ? *answer : answer.error().message();
  return seen;
}

base::Result<std::string> Prober::Ask(base::MonotonicTime deadline) {
  using Answer = base::Result<std::string>;
  return std::visit(
      Overloaded{[&](const HttpProbe& probe) -> Answer {
                   ASSIGN_OR_RETURN(const HttpReply reply,
                                    AskHttp({.url = probe.url,
                                             .connect_to = probe.connect_to,
                                             .source_address = standpoint_.source_address},
                                            resolver_, deadline, clock_));
                   const std::string text = "HTTP " + std::to_string(reply.status);
                   if (reply.status / 100 == 2) return text;
                   return base::ServiceBroken(text + " from " + reply.address);
                 },
                 [&](const TcpProbe& probe) -> Answer {
                   RETURN_IF_ERROR(AskTcp(probe.host, probe.port, standpoint_.source_address,
                                          resolver_, deadline, clock_));
                   return std::string("connects");
                 },
                 [&](const SqlProbe& probe) -> Answer { return AskSql(probe, deadline); },
                 [&](const RedisProbe& probe) -> Answer { return AskRedis(probe, deadline); },
                 [&](const CustomProbe& probe) -> Answer {
                   RETURN_IF_ERROR(probe.ask(deadline));
                   return std::string("answers");
                 }},
      target_.how);
}

base::Result<std::string> Prober::AskSql(const SqlProbe& probe, base::MonotonicTime deadline) {
  base::Result<bool> writable = base::Unreachable("not connected");
  if (session_) writable = session_->TakesWrites(deadline);
  if (!writable.ok()) {
    session_.reset();
    ASSIGN_OR_RETURN(session_, SqlSession::Open(probe.address, resolver_, deadline, clock_));
    writable = session_->TakesWrites(deadline);
  }
  if (!writable.ok()) {
    session_.reset();
    return std::move(writable).error();
  }
  return std::string(*writable ? "answers, writable" : "answers, read-only");
}

base::Result<std::string> Prober::AskRedis(const RedisProbe& probe, base::MonotonicTime deadline) {
  base::Result<RedisStanding> standing = base::Unreachable("not connected");
  if (redis_) standing = ReadStanding(*redis_, deadline);
  if (!standing.ok()) {
    redis_.reset();
    RedisAddress address = probe.address;
    address.source_address = standpoint_.source_address;
    ASSIGN_OR_RETURN(redis_, RedisSession::Open(address, resolver_, deadline, clock_));
    standing = ReadStanding(*redis_, deadline);
  }
  if (!standing.ok()) {
    redis_.reset();
    return std::move(standing).error();
  }
  return std::string(standing->primary ? "answers, primary" : "answers, replica");
}

}  // namespace leeward::probe
