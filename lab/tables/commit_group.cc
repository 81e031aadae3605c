#include "lab/tables/commit_group.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lab/tables/core.h"
#include "lab/tables/layout.h"
#include "lab/tables/replication.h"

namespace leeward::lab::tables {
namespace {

enum class Way { kForth, kBack };

void Add(const Extent& extent, Way way, Extent& to) {
  const int sign = way == Way::kForth ? 1 : -1;
  to.items += sign * extent.items;
  to.bytes += sign * extent.bytes;
}

void Count(const Delta& delta, Way way) {
  Table& table = *delta.table;
  Add(delta.extent, way, table.extent);
  CHECK(delta.indexes.size() == table.indexes.size());
  for (std::size_t i = 0; i < delta.indexes.size(); ++i)
    Add(delta.indexes[i], way, table.indexes[i].extent);
}

}  // namespace

CommitGroup::CommitGroup(Core& core) : core_(core) {
  core_.store->SetOnSettle({[this](Batch& batch) { Before(batch); },
                            [this](const base::Status& status) { After(status); }});
}

Verdict CommitGroup::Commit(const Batch& batch, const std::vector<Delta>& deltas,
                            std::uint64_t sequence) {
  if (when_ == When::kAtOnce) core_.SettleWrites();
  if (!core_.store->waiting()) settled_ = core_.sequence;
  if (sequence != 0) core_.sequence = sequence_ = sequence;
  for (const Delta& delta : deltas) {
    Count(delta, Way::kForth);
    Gather(delta);
  }
  core_.store->Join(batch);
  ++commits_;
  if (when_ == When::kWithTurn && !core_.store->full()) return {};
  const base::Status made = core_.store->Settle();
  if (!made.ok()) return Broken(made.error());
  return {};
}

void CommitGroup::Gather(const Delta& delta) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&delta](const Delta& each) {
    return each.table == delta.table;
  });
  if (found == waiting_.end()) return waiting_.push_back(delta);
  Add(delta.extent, Way::kForth, found->extent);
  for (std::size_t i = 0; i < delta.indexes.size(); ++i)
    Add(delta.indexes[i], Way::kForth, found->indexes[i]);
  found->logged = found->logged || delta.logged;
}

void CommitGroup::Before(Batch& batch) const {
  for (const Delta& delta : waiting_) SaveExtents(batch, *delta.table);
  if (sequence_ == 0) return;
  std::string number;
  AppendBig64(sequence_, number);
  batch.Put(Space::kMeta, kMetaSequence, number);
}

void CommitGroup::After(const base::Status& status) {
  const std::vector<Delta> waited = std::exchange(waiting_, {});
  const std::uint64_t sequence = std::exchange(sequence_, 0);
  if (!status.ok()) {
    for (const Delta& delta : waited) Count(delta, Way::kBack);
    core_.sequence = settled_;
    if (when_ == When::kWithTurn || !held_.empty()) failed_ = status.error();
    return;
  }
  if (core_.options.replicas == nullptr) return;
  for (const Delta& delta : waited) {
    if (delta.logged && delta.table->replicated)
      core_.options.replicas->Changed(delta.table->name, sequence);
  }
}

void CommitGroup::Serve(const std::function<WireAnswer()>& handler, const WireReply& reply) {
  if (!core_.options.soon) return reply(handler());
  const std::uint64_t before = commits_;
  when_ = When::kWithTurn;
  WireAnswer answer = handler();
  when_ = When::kAtOnce;
  if (commits_ == before) return reply(std::move(answer));
  if (held_.empty()) core_.Soon([this] { EndTurn(); });
  held_.push_back({reply, std::move(answer)});
}

// Where a part of the turn could not be written, all of its answers say so: the store is full or
// broken, and who is told so asks again.
void CommitGroup::EndTurn() {
  if (const base::Status made = core_.store->Settle(); !made.ok()) failed_ = made.error();
  const std::vector<Held> held = std::exchange(held_, {});
  const std::optional<base::Error> failed = std::exchange(failed_, std::nullopt);
  for (const Held& each : held) each.reply(failed ? ErrorAnswer(Broken(*failed)) : each.answer);
}

}  // namespace leeward::lab::tables
