#include "lab/services/backup.h"

#include <fmt/format.h>

#include <array>

#include "lab/core/remove_tree.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::backup {

using shapes::Value;
namespace fs = std::filesystem;

Backup::Backup(Host& host, BackupResources resources)
    : host_(host), resources_(std::move(resources)) {}

Backup::~Backup() {
  for (const auto& [id, work] : works_) work->stopped = true;
  for (const auto& [id, incoming] : coming_) incoming->work->stopped = true;
}

std::span<const OperationRow<Backup>> Backup::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Backup>>({
      {"CreateBackupPlan", &Backup::CreateBackupPlan},
      {"CreateBackupSelection", &Backup::CreateBackupSelection},
      {"CreateBackupVault", &Backup::CreateBackupVault},
      {"DeleteBackupPlan", &Backup::DeleteBackupPlan},
      {"DeleteBackupSelection", &Backup::DeleteBackupSelection},
      {"DeleteBackupVault", &Backup::DeleteBackupVault},
      {"DeleteRecoveryPoint", &Backup::DeleteRecoveryPoint},
      {"DescribeBackupJob", &Backup::DescribeBackupJob},
      {"DescribeBackupVault", &Backup::DescribeBackupVault},
      {"DescribeCopyJob", &Backup::DescribeCopyJob},
      {"DescribeProtectedResource", &Backup::DescribeProtectedResource},
      {"DescribeRecoveryPoint", &Backup::DescribeRecoveryPoint},
      {"DescribeRegionSettings", &Backup::DescribeRegionSettings},
      {"DescribeRestoreJob", &Backup::DescribeRestoreJob},
      {"GetBackupPlan", &Backup::GetBackupPlan},
      {"GetBackupSelection", &Backup::GetBackupSelection},
      {"GetRecoveryPointRestoreMetadata", &Backup::GetRecoveryPointRestoreMetadata},
      {"GetSupportedResourceTypes", &Backup::GetSupportedResourceTypes},
      {"ListBackupJobs", &Backup::ListBackupJobs},
      {"ListBackupPlanVersions", &Backup::ListBackupPlanVersions},
      {"ListBackupPlans", &Backup::ListBackupPlans},
      {"ListBackupSelections", &Backup::ListBackupSelections},
      {"ListBackupVaults", &Backup::ListBackupVaults},
      {"ListCopyJobs", &Backup::ListCopyJobs},
      {"ListProtectedResources", &Backup::ListProtectedResources},
      {"ListRecoveryPointsByBackupVault", &Backup::ListRecoveryPointsByBackupVault},
      {"ListRecoveryPointsByResource", &Backup::ListRecoveryPointsByResource},
      {"ListRestoreJobs", &Backup::ListRestoreJobs},
      {"ListTags", &Backup::ListTags},
      {"StartBackupJob", &Backup::StartBackupJob},
      {"StartCopyJob", &Backup::StartCopyJob},
      {"StartRestoreJob", &Backup::StartRestoreJob},
      {"StopBackupJob", &Backup::StopBackupJob},
      {"TagResource", &Backup::TagResource},
      {"UntagResource", &Backup::UntagResource},
      {"UpdateBackupPlan", &Backup::UpdateBackupPlan},
      {"UpdateRecoveryPointLifecycle", &Backup::UpdateRecoveryPointLifecycle},
      {"UpdateRegionSettings", &Backup::UpdateRegionSettings},
  });
  return kTable;
}

std::span<const OperationRow<Backup>> Backup::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<Backup>>({
      {"StateOfCopy", &Backup::StateOfCopy},
      {"TakeCopy", &Backup::TakeCopy},
  });
  return kTable;
}

void Backup::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void Backup::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  Read(operation, input, reply);
}

base::Status Backup::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "backup"));
  Load(state);
  Sweep().Detach();
  Resume();
  LookForever().Detach();
  return base::Ok();
}

// What had not begun begins now. What was half done is no backup of any one time, and has failed; a
// copy is asked for where it is made.
void Backup::Resume() {
  constexpr std::string_view kInterrupted =
      "The job was interrupted by an outage of AWS Backup in this Region.";
  for (Jobs* jobs : {&backup_jobs_, &restore_jobs_}) {
    for (auto& [id, job] : *jobs) {
      const bool begun = StateOf(job) == "RUNNING";
      if (StateOf(job) == "ABORTING") EndJob(job, "ABORTED", "Stopped by the user.");
      if (begun) EndJob(job, "FAILED", kInterrupted);
    }
  }
  std::vector<std::function<Flow<>()>> runs;
  for (const auto& [id, job] : backup_jobs_)
    if (!HasEnded(job)) runs.emplace_back([this, id = id] { return RunBackup(id); });
  for (const auto& [id, job] : restore_jobs_)
    if (!HasEnded(job)) runs.emplace_back([this, id = id] { return RunRestore(id); });
  for (const auto& [id, job] : copy_jobs_)
    if (!HasEnded(job)) runs.emplace_back([this, id = id] { return RunCopy(id); });
  for (const auto& run : runs) run().Detach();
}

// What jobs had put together when their process was killed, and what was on its way out.
Flow<> Backup::Sweep() {
  std::set<fs::path> kept;
  for (const auto& [arn, point] : points_) {
    if (!point.folder.empty()) kept.insert(FolderOf(point.folder));
  }
  std::vector<fs::path> left;
  for (const fs::path& folder : {FolderOf("x").parent_path(), ScratchOf("x").parent_path()}) {
    std::error_code error;
    fs::directory_iterator at(folder, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
      if (!kept.contains(at->path())) left.push_back(at->path());
    }
  }
  std::function<base::Status()> remove = [left] {
    base::Status removed = base::Ok();
    for (const fs::path& path : left) {
      const base::Status one = RemoveTree(path);
      if (!one.ok()) removed = one;
    }
    return removed;
  };
  const base::Status removed = co_await Offload<base::Status>(host_, std::move(remove));
  if (!removed.ok()) fmt::print(stderr, "backup: {}\n", removed.error().message());
}

Flow<> Backup::LookForever() {
  for (;;) {
    co_await Sleep(host_, limits.look);
    DropExpired();
    LookAtPlans();
    StopOverdue();
  }
}

BackupResource* Backup::ResourceOf(const ArnParts& arn) const {
  for (const auto& resource : resources_) {
    if (resource->Owns(arn)) return resource.get();
  }
  return nullptr;
}

BackupResource* Backup::ResourceOfType(std::string_view type) const {
  for (const auto& resource : resources_) {
    if (resource->type() == type) return resource.get();
  }
  return nullptr;
}

fs::path Backup::FolderOf(std::string_view point) const {
  return host_.StateDirectory("backup") / "points" / point;
}

fs::path Backup::ScratchOf(std::string_view job) const {
  return host_.StateDirectory("backup") / "work" / job;
}

std::string Backup::VaultArn(std::string_view name) const {
  return Arn(host_, "backup", fmt::format("backup-vault:{}", name));
}

std::string Backup::NewId() {
  ports::Random& random = host_.random();
  return fmt::format("{}-{}-4{}-8{}-{}", random.Hex(8), random.Hex(4), random.Hex(3), random.Hex(3),
                     random.Hex(12));
}

base::Duration Backup::Paced(base::Duration aws) const {
  return host_.pace() == Pace::kAws ? aws : base::Duration(0);
}

void Backup::Load(const Value& state) {
  for (const Value& saved : state.Items("Vaults")) {
    Vault vault = LoadVault(saved);
    const std::string name = vault.name;
    vaults_.emplace(name, std::move(vault));
  }
  for (const Value& saved : state.Items("Plans")) {
    Plan plan = LoadPlan(saved);
    const std::string id = plan.id;
    plans_.emplace(id, std::move(plan));
  }
  for (const Value& saved : state.Items("Points")) {
    Point point = LoadPoint(saved);
    const std::string arn = point.arn;
    points_.emplace(arn, std::move(point));
  }
  for (const auto& [name, jobs] :
       {std::pair{"BackupJobs", &backup_jobs_}, std::pair{"CopyJobs", &copy_jobs_},
        std::pair{"RestoreJobs", &restore_jobs_}}) {
    for (const Value& saved : state.Items(name)) {
      Job job = LoadJob(saved);
      const std::string id = job.id;
      jobs->emplace(id, std::move(job));
    }
  }
  if (state.Has("OptIn")) opt_in_ = state.Sub("OptIn");
  if (state.Has("Management")) management_ = state.Sub("Management");
}

void Backup::Save() {
  const auto saved = [](const auto& all) {
    Value::List list;
    for (const auto& [id, one] : all) list.push_back(backup::Save(one));
    return Value(std::move(list));
  };
  SaveState(host_, "backup",
            Value::Struct({{"Vaults", saved(vaults_)},
                           {"Plans", saved(plans_)},
                           {"Points", saved(points_)},
                           {"BackupJobs", saved(backup_jobs_)},
                           {"CopyJobs", saved(copy_jobs_)},
                           {"RestoreJobs", saved(restore_jobs_)},
                           {"OptIn", opt_in_},
                           {"Management", management_}}));
}

}  // namespace leeward::lab::backup

namespace leeward::lab {

std::unique_ptr<Service> MakeBackup(Host& host) {
  return std::make_unique<backup::Backup>(host, backup::MakeBackupResources(host));
}

}  // namespace leeward::lab
