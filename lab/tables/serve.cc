#include "lab/tables/serve.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "lab/tables/policy.h"
#include "lab/tables/strong.h"
#include "lab/tables/text_stream.h"

namespace leeward::lab::tables {
namespace {

// Room for the text and the tree of a request of a few kilobytes; more is taken from the heap.
constexpr std::size_t kTextBytes = std::size_t{8} << 10;
constexpr std::size_t kParseBytes = std::size_t{16} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Operations on tables name what is wrong with the table's name before anything else.
Verdict CheckTableName(const shapes::Operation& operation, const Json& body) {
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 255;
  constexpr std::array<std::string_view, 4> kOperations = {"CreateTable", "DeleteTable",
                                                           "DescribeTable", "UpdateTable"};
  if (std::find(kOperations.begin(), kOperations.end(), operation.name) == kOperations.end()) {
    return {};
  }
  const Json* given = Find(body, "TableName");
  if (given == nullptr) {
    return ValidationError(
        "The parameter 'TableName' is required but was not present in the request");
  }
  const std::string_view name = TextOf(*given);
  if (name.starts_with("arn:") || (name.size() >= kShortest && name.size() <= kLongest)) return {};
  return ValidationError(
      "TableName must be at least 3 characters long and at most 255 characters long");
}

Verdict CheckForm(const shapes::Operation& operation, const Json& body) {
  Verdict members = CheckMembers(*operation.input, body);
  // Of a member of another JSON type nothing more can be said.
  if (!members.ok() && members.error().code == "SerializationException") return members;
  RETURN_IF_ERROR(CheckTableName(operation, body));
  return members;
}

// A copy of a request's text for the parser, which leaves the strings in it and writes over the
// rest.
class Scratch {
 public:
  explicit Scratch(std::string_view text) {
    if (text.size() > near_.size()) far_ = std::make_unique_for_overwrite<char[]>(text.size());
    text.copy(data(), text.size());
  }
  char* data() { return far_ == nullptr ? near_.data() : far_.get(); }

 private:
  std::array<char, kTextBytes> near_;  // NOLINT: not all of it is read
  std::unique_ptr<char[]> far_;
};

// Calls `then` with the request if it is one, else `refuse`.
template <typename ThenRequest, typename Refuse>
void WithRequest(Core& core, const shapes::Operation& operation, std::string_view body,
                 const Caller& caller, ThenRequest then, Refuse refuse) {
  std::array<char, kParseBytes> room;
  rapidjson::MemoryPoolAllocator<> pool(room.data(), room.size());
  rapidjson::Document document(&pool);
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  Scratch text(body);
  TextStream stream(text.data(), text.data() + body.size());
  // Not by recursion: a body may be nested as deeply as it is long.
  document.ParseStream<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag>(stream);
  if (document.HasParseError() || !document.IsObject() || stream.Tell() != body.size()) {
    return refuse(ApiError{"SerializationException", "", 400, {}});
  }
  const Verdict form = CheckForm(operation, document);
  if (!form.ok()) return refuse(form.error());
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
        if (!strong) return core->commits->Serve([&] { return handler(request); }, reply);
        Admit(std::make_shared<Waiting>(
                  Waiting{core, &operation, handler, std::string(body), std::string(caller.arn),
                          std::string(caller.account), std::string(caller.request_id), reply}),
              std::move(*strong));
      },
      [&](const ApiError& error) { reply(ErrorAnswer(error)); });
}

}  // namespace leeward::lab::tables
