#include "lab/services/backup_incoming.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "lab/services/ask_region.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::size_t kMostAnswered = 8 << 20;

ApiError ReadTrouble(const base::Error& error) {
  return {"RecoveryPointTrouble", error.message(), 500, {}};
}

}  // namespace

FolderPull::FolderPull(Host& host, const IncomingLimits& limits, const Incoming& incoming,
                       std::filesystem::path folder)
    : host_(host),
      limits_(limits),
      region_(incoming.source_region),
      point_(incoming.source_point),
      seal_(SealOf(incoming.seal)),
      work_(incoming.work),
      take_(std::move(folder)) {}

Flow<base::Status> FolderPull::Run() {
  std::function<base::Status()> begin = [this] { return take_.Begin(); };
  std::function<base::Status()> open = [this] { return take_.OpenList(seal_); };
  std::function<base::Status()> finish = [this] { return take_.Finish(work_); };
  base::Status status = co_await Do(begin);
  if (status.ok()) status = co_await BringList();
  if (status.ok()) status = co_await Do(open);
  if (status.ok()) status = co_await BringParts();
  if (status.ok()) status = co_await Do(finish);
  co_return status;
}

Flow<base::Status> FolderPull::Do(std::function<base::Status()> work) {
  const base::Status done = co_await Offload<base::Status>(host_, std::move(work));
  co_return done;
}

// Silence is borne for a while: the other Region may be back.
Flow<base::Result<Value>> FolderPull::Ask(std::string operation, Value input) {
  input.Set("Point", point_);
  const base::MonotonicTime begun = host_.clock().Monotonic();
  for (;;) {
    const Answer answer =
        co_await AskRegion(host_, region_, "backup", operation, input, limits_.call);
    if (const auto* value = std::get_if<Value>(&answer)) co_return *value;
    const auto& error = std::get<ApiError>(answer);
    if (!TimedOut(answer)) co_return base::ServiceBroken(error.message);
    if (host_.clock().Monotonic() - begun > limits_.lost) {
      co_return base::Unreachable(
          fmt::format("The Region of the source, {}, does not answer.", region_));
    }
    co_await Sleep(host_, limits_.retry);
  }
}

Flow<base::Status> FolderPull::BringList() {
  for (std::int64_t offset = 0; offset < seal_.list_bytes;) {
    Value input = Value::Struct();
    input.Set("Offset", offset).Set("Most", static_cast<std::int64_t>(limits_.bytes));
    const base::Result<Value> answer = co_await Ask("ReadList", input);
    if (!answer.ok()) co_return answer.error();
    const Value* data = answer->Find("Data");
    if (data == nullptr || !data->is_blob() || data->blob().bytes.empty())
      co_return base::Corrupt("the list of the recovery point ends too soon");
    offset += static_cast<std::int64_t>(data->blob().bytes.size());
    std::function<base::Status()> take = [this, bytes = data->blob().bytes] {
      return take_.TakeList(bytes);
    };
    const base::Status taken = co_await Do(std::move(take));
    if (!taken.ok()) co_return taken;
  }
  co_return base::Ok();
}

Flow<base::Status> FolderPull::BringParts() {
  for (;;) {
    const std::vector<Part> parts = take_.Next(limits_.bytes);
    if (parts.empty()) co_return base::Ok();
    Value::List asked;
    for (const Part& part : parts) {
      asked.push_back(Value::Struct({{"Path", base::PercentEncode(part.path, "/")},
                                     {"Offset", part.offset},
                                     {"Size", part.size}}));
    }
    Value input = Value::Struct();
    input.Set("Parts", Value(std::move(asked)));
    const base::Result<Value> answer = co_await Ask("ReadParts", input);
    if (!answer.ok()) co_return answer.error();
    std::function<base::Status()> take = [this, parts, given = *answer] {
      return TakeParts(parts, given);
    };
    const base::Status taken = co_await Do(std::move(take));
    if (!taken.ok()) co_return taken;
  }
}

base::Status FolderPull::TakeParts(const std::vector<Part>& parts, const Value& answer) {
  const Value::List& pieces = answer.Items("Pieces");
  if (pieces.size() != parts.size())
    return base::Corrupt("a part of the recovery point did not come");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool fits = pieces[i].is_blob() &&
                      static_cast<std::int64_t>(pieces[i].blob().bytes.size()) == parts[i].size;
    if (!fits) return base::Corrupt("a part of the recovery point has another size");
    RETURN_IF_ERROR(take_.TakePart(parts[i], pieces[i].blob().bytes));
    work_->bytes += parts[i].size;
  }
  return base::Ok();
}

Answer AnswerReadList(const std::filesystem::path& folder, const Value& input) {
  const auto most = static_cast<std::size_t>(input.Int("Most"));
  const auto bytes = ReadList(folder, input.Int("Offset"), std::min(most, kMostAnswered));
  if (!bytes.ok()) return ReadTrouble(bytes.error());
  return Value::Struct({{"Data", shapes::Blob{*bytes}}});
}

Answer AnswerReadParts(const std::filesystem::path& folder, const Value& input) {
  Value::List pieces;
  std::size_t total = 0;
  for (const Value& asked : input.Items("Parts")) {
    const auto path = base::PercentDecode(asked.String("Path"));
    if (!path.ok()) return ReadTrouble(path.error());
    total += static_cast<std::size_t>(asked.Int("Size"));
    if (total > kMostAnswered) return ReadTrouble(base::Invalid("too much was asked for at once"));
    auto bytes = ReadPart(folder, {*path, asked.Int("Offset"), asked.Int("Size")});
    if (!bytes.ok()) return ReadTrouble(bytes.error());
    pieces.emplace_back(shapes::Blob{*std::move(bytes)});
  }
  return Value::Struct({{"Pieces", Value(std::move(pieces))}});
}

}  // namespace leeward::lab::backup
