#include "lab/services/efs_held_copy.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "lab/core/remove_tree.h"

namespace leeward::lab::efs {
namespace {

constexpr int kAttempts = 5;  // at a file that changes while it is read
constexpr std::uint64_t kBytesAStep = 1 << 20;

}  // namespace

base::Status Replaced::Removes(std::string_view path) {
  RETURN_IF_ERROR(Write("removed", path));
  ++removed_;
  return base::Ok();
}

base::Status Replaced::Overwrites(std::string_view path) {
  RETURN_IF_ERROR(Write("overwrote", path));
  ++overwritten_;
  return base::Ok();
}

base::Status Replaced::Write(std::string_view what, std::string_view path) {
  if (!out_.is_open()) out_.open(file_, std::ios::binary | std::ios::app);
  out_ << what << ' ' << base::PercentEncode(path, "/") << '\n' << std::flush;
  if (out_) return base::Ok();
  out_ = std::ofstream();
  return base::Exhausted("cannot write " + file_.native());
}

base::Status HeldCopy::OpenWithheld() {
  if (withheld_ != nullptr) return base::Ok();
  ASSIGN_OR_RETURN(withheld_, trees::Withheld::Open(folder_ / "held"));
  return base::Ok();
}

base::Status HeldCopy::Open(const std::string& source) {
  replica_.reset();
  trees::Options options;
  options.busy = trees::Busy::kTakeAsRead;
  options.reads_of_a_busy_file = kAttempts;
  options.bytes_a_step = kBytesAStep;
  options.most_watches = most_watches_;
  trees::Beside beside{&channel_, withheld_.get(), nullptr};
  if (is_first() && destination_ == CopyOrder::Destination::kAdopted) {
    // What looks like the source's may still be the destination's own.
    options.transfer = trees::Transfer::kAll;
    beside.losses = &replaced_;
  }
  ASSIGN_OR_RETURN(replica_,
                   trees::Replica::Open({source, tree(), work()}, options, clock_, beside));
  source_ = source;
  return base::Ok();
}

base::Status HeldCopy::Begin(const std::string& source) {
  RETURN_IF_ERROR(OpenWithheld());
  RETURN_IF_ERROR(withheld_->Hold(tree()));
  const bool is_open = replica_ != nullptr && !replica_->running() && source_ == source;
  if (!is_open || !replica_->Stands()) RETURN_IF_ERROR(Open(source));
  replica_->Begin();
  return base::Ok();
}

trees::Turn HeldCopy::Step(base::Duration about) {
  const base::MonotonicTime end = clock_.Monotonic() + about;
  for (;;) {
    const trees::Turn turn = replica_->Step();
    if (turn != trees::Turn::kMore || clock_.Monotonic() >= end) return turn;
  }
}

base::Status HeldCopy::End() {
  if (!replica_->round().complete || !is_first()) return base::Ok();
  std::ofstream out(passed());
  if (!out.flush()) return base::Exhausted("cannot write " + passed().native());
  replica_->EndFirstCopy();
  return base::Ok();
}

void HeldCopy::Listen() {
  if (replica_ != nullptr) static_cast<void>(replica_->Changed());
}

base::Status HeldCopy::Release() {
  replica_.reset();
  RETURN_IF_ERROR(RemoveTree(work()));
  RETURN_IF_ERROR(RemoveTree(passed()));
  RETURN_IF_ERROR(OpenWithheld());
  return withheld_->Release(tree());
}

}  // namespace leeward::lab::efs
