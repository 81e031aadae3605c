#include "lab/services/datasync_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/ask_region.h"
#include "lab/services/datasync_checks.h"

namespace leeward::lab::datasync {
namespace {

using shapes::Value;

constexpr base::Duration kKept = std::chrono::minutes(10);
constexpr std::size_t kFilesAtOnce = 64;
constexpr base::Duration kSumLimit = std::chrono::minutes(10);  // of as many large files

// What DataSync calls what went wrong.
std::string_view CodeOf(const base::Error& error) {
  switch (error.code()) {
    case base::ErrorCode::kUnreachable:
      return "NetworkTimeout";
    case base::ErrorCode::kDenied:
      return "OpNotPermitted";
    case base::ErrorCode::kExhausted:
      return "NoSpace";
    default:
      return "TransferFailed";
  }
}

}  // namespace

Value ToValue(const CopyCounts& counts) {
  return Value::Struct({{"Listed", counts.listed},
                        {"Transferred", counts.transferred},
                        {"Bytes", counts.bytes},
                        {"Deleted", counts.deleted},
                        {"Skipped", counts.skipped},
                        {"Verified", counts.verified},
                        {"Failed", counts.failed}});
}

CopyCounts CountsOf(const Value& value) {
  return {value.Int("Listed"),  value.Int("Transferred"), value.Int("Bytes"), value.Int("Deleted"),
          value.Int("Skipped"), value.Int("Verified"),    value.Int("Failed")};
}

CopyCounts Copy::counts() const {
  CopyCounts counts = verified_;
  counts.listed = pull_ == nullptr ? listed_ : pull_->listed();
  if (tree_ == nullptr) return counts;
  counts.transferred = tree_->counts().files;
  counts.bytes = tree_->counts().bytes;
  counts.deleted = tree_->counts().removed;
  counts.skipped = tree_->counts().skipped;
  return counts;
}

bool Copy::Forgettable() const { return ended() && host_.clock().Monotonic() - ended_ > kKept; }

void Copy::Start() { Run(shared_from_this()).Detach(); }

void Copy::Cancel() {
  cancelled_ = true;
  if (pull_ != nullptr) pull_->Cancel([] {});
}

void Copy::Fail(std::string_view code, std::string detail) {
  failed_in_ = phase_;
  error_code_ = code;
  error_detail_ = std::move(detail);
  phase_ = "ERROR";
}

Flow<> Copy::Run(Self self) {
  base::Status status = co_await self->Transfer();
  if (status.ok() && !self->cancelled_) status = co_await self->Verify();
  self->ended_ = self->host_.clock().Monotonic();
  std::error_code ignored;
  if (self->tree_ != nullptr) {
    std::filesystem::remove_all(self->tree_->options().scratch, ignored);
  }
  if (self->cancelled_) {
    self->Fail("Cancelled", "The task execution was cancelled.");
  } else if (!status.ok() && self->phase_ != "ERROR") {
    self->Fail(CodeOf(status.error()), status.error().message());
  } else if (self->phase_ != "ERROR") {
    self->phase_ = "SUCCESS";
  }
}

Flow<base::Status> Copy::Transfer() {
  const Value& options = order_.options;
  efs::TreeCopy::Options how;
  how.root = order_.root;
  how.inside = order_.inside;
  how.scratch = order_.folder / (std::string(kScratchPrefix) + order_.name);
  how.remove_extra = options.String("PreserveDeletedFiles") == "REMOVE";
  how.keep_newer = options.String("OverwriteMode") == "NEVER";
  how.keep_owners = options.String("Uid") == "INT_VALUE";
  how.keep_modes = options.String("PosixPermissions") == "PRESERVE";
  how.keep_times = options.String("Mtime") == "PRESERVE";
  how.take_all = options.String("TransferMode") == "ALL";
  how.wanted = Wanted(order_.includes, order_.excludes);
  base::Result<efs::TreeCopy> tree = efs::TreeCopy::Begin(std::move(how));
  if (!tree.ok()) co_return tree.error();
  tree_ = std::make_shared<efs::TreeCopy>(*std::move(tree));

  efs::Pull::Order pull;
  pull.region = order_.source_region;
  pull.service = "datasync";
  pull.ask = Value::Struct({{"LocationArn", order_.source_location}});
  pull.wanted = tree_->options().wanted;
  pull.allowed = order_.writable;
  pull.leads = Leads(order_.includes, order_.excludes);
  pull.bytes_per_second = std::max<std::int64_t>(0, options.Int("BytesPerSecond", -1));
  using Remember = efs::Pull::Order::Remember;
  const std::string_view verify = options.String("VerifyMode");
  if (verify == "ONLY_FILES_TRANSFERRED") pull.remember = Remember::kBrought;
  if (verify == "POINT_IN_TIME_CONSISTENT") pull.remember = Remember::kAll;
  phase_ = "TRANSFERRING";
  pull_ = std::make_shared<efs::Pull>(host_, limits_, std::move(pull), tree_);
  efs::Pull::Outcome outcome = co_await pull_->Run();
  listed_ = outcome.listed;
  to_verify_ = std::move(outcome.files);
  pull_.reset();
  co_return outcome.status;
}

Flow<base::Status> Copy::Verify() {
  if (order_.options.String("VerifyMode") == "NONE") co_return base::Ok();
  phase_ = "VERIFYING";
  for (std::size_t at = 0; at < to_verify_.size(); at += kFilesAtOnce) {
    const auto first = to_verify_.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(kFilesAtOnce, to_verify_.size() - at);
    std::vector<std::string> files(first, first + static_cast<std::ptrdiff_t>(count));
    const base::Result<Value> sums = co_await AskSums(files);
    if (cancelled_) co_return base::Ok();
    if (!sums.ok()) co_return sums.error();
    std::function<base::Status()> compare = [this, files, &sums] { return Compare(files, *sums); };
    const base::Status compared = co_await Offload<base::Status>(host_, std::move(compare));
    if (!compared.ok() || cancelled_) co_return compared;
  }
  if (verified_.failed == 0) co_return base::Ok();
  Fail(
      "VerificationFailed",
      fmt::format("{} of {} files are not the same at the source and at the destination: they were "
                  "changed meanwhile, or not transferred.",
                  verified_.failed, to_verify_.size()));
  co_return base::Ok();
}

Flow<base::Result<Value>> Copy::AskSums(std::vector<std::string> files) {
  Value::List asked;
  for (const std::string& file : files) asked.emplace_back(base::PercentEncode(file, "/"));
  Value input = Value::Struct();
  input.Set("LocationArn", order_.source_location).Set("Files", Value(std::move(asked)));
  const Answer answer =
      co_await AskRegion(host_, order_.source_region, "datasync", "SumTree", input, kSumLimit);
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    if (TimedOut(answer)) co_return base::Unreachable(error->message);
    co_return base::ServiceBroken(error->message);
  }
  co_return std::get<Value>(answer);
}

// Contents, whatever the names of the locations' files are told apart by.
base::Status Copy::Compare(const std::vector<std::string>& files, const Value& sums) {
  const Value::List& theirs = sums.Items("Sums");
  if (theirs.size() != files.size()) return base::Corrupt("the source summed other files");
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto ours = efs::SumOf(order_.root, efs::Below(order_.inside, files[i]));
    if (!ours.ok() && ours.error().code() != base::ErrorCode::kNotFound) return ours.error();
    if (ours.ok() && *ours == theirs[i].str()) {
      ++verified_.verified;
    } else {
      ++verified_.failed;
    }
  }
  return base::Ok();
}

}  // namespace leeward::lab::datasync
