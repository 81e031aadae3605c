#include "lab/tables/serve.h"

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "lab/tables/policy.h"
#include "lab/tables/strong.h"

namespace leeward::lab::tables {
namespace {

// Room for the tree of a request of a few kilobytes; more is taken from the heap.
constexpr std::size_t kParseBytes = 16 * 1024;

// Calls `then` with the request if it is one, else `refuse`.
template <typename ThenRequest, typename Refuse>
void WithRequest(Core& core, const shapes::Operation& operation, std::string_view body,
                 const Caller& caller, ThenRequest then, Refuse refuse) {
  std::array<char, kParseBytes> room;
  rapidjson::MemoryPoolAllocator<> pool(room.data(), room.size());
  rapidjson::Document document(&pool);
  // Not by recursion: a body may be nested as deeply as it is long.
  document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) {
    return refuse(ApiError{"SerializationException", "", 400, {}});
  }
  const Verdict members = CheckMembers(*operation.input, document);
  if (!members.ok()) return refuse(members.error());
  const Request request{core, operation, document, caller};
  const Verdict allowed = Authorize(request);
  if (!allowed.ok()) return refuse(allowed.error());
  then(request);
}

// A request that waits for other Regions keeps what it was made of.
struct Waiting {
  std::shared_ptr<Core> core;
  const shapes::Operation* operation;
  Handler handler;
  std::string body;
  std::string arn;
  std::string account;
  std::string request_id;
  WireReply reply;
  Caller caller() const { return {arn, account, request_id}; }
};

void CarryOut(const std::shared_ptr<Waiting>& waiting,
              std::vector<ReplicaKeeper::Touched> touched) {
  Core& core = *waiting->core;
  const std::uint64_t first = core.sequence;
  WireAnswer answer;
  WithRequest(
      core, *waiting->operation, waiting->body, waiting->caller(),
      [&](const Request& request) { answer = waiting->handler(request); },
      [&](const ApiError& error) { answer = ErrorAnswer(error); });
  core.options.replicas->Settle(
      std::move(touched), first, core.sequence,
      [waiting, answer = std::move(answer)](const items::Verdict& settled) {
        waiting->reply(settled.ok() ? answer : ErrorAnswer(settled.error()));
      });
}

void Admit(const std::shared_ptr<Waiting>& waiting, StrongPart part) {
  ReplicaKeeper& replicas = *waiting->core->options.replicas;
  std::vector<ReplicaKeeper::Touched> touched = part.touched;
  replicas.Admit(part.intent, std::move(part.touched),
                 [waiting, touched = std::move(touched)](const items::Verdict& admitted) {
                   if (!admitted.ok()) return waiting->reply(ErrorAnswer(admitted.error()));
                   CarryOut(waiting, touched);
                 });
}

}  // namespace

void Serve(const std::shared_ptr<Core>& core, const shapes::Operation& operation, Handler handler,
           std::string_view body, const Caller& caller, const WireReply& reply) {
  WithRequest(
      *core, operation, body, caller,
      [&](const Request& request) {
        auto strong = StrongPartOf(request);
        if (!strong) return reply(handler(request));
        Admit(std::make_shared<Waiting>(Waiting{core, &operation, handler, std::string(body),
                                                std::string(caller.arn),
                                                std::string(caller.account),
                                                std::string(caller.request_id), reply}),
              std::move(*strong));
      },
      [&](const ApiError& error) { reply(ErrorAnswer(error)); });
}

}  // namespace leeward::lab::tables
