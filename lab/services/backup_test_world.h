// For tests: the Regions of EfsTestBase with an AWS Backup each.
#pragma once

#include "lab/services/backup.h"
#include "lab/services/efs_test_world.h"

namespace leeward::lab::backup {

constexpr std::size_t kPieceBytes = 4096;

class BackupTestBase : public efs::EfsTestBase {
 protected:
  BackupTestBase() {
    BeginBackups(a);
    BeginBackups(b);
  }
  ~BackupTestBase() override {
    for (Side* side : {&a, &b}) EndBackups(*side);
  }

  void BeginBackups(Side& side) {
    auto& service = backups_[&side];
    service = MakeService(side);
    service->limits.poll = std::chrono::milliseconds(20);
    service->limits.look = std::chrono::milliseconds(50);
    service->limits.incoming.call = std::chrono::milliseconds(500);
    service->limits.incoming.retry = std::chrono::milliseconds(20);
    service->limits.incoming.lost = std::chrono::seconds(2);
    service->limits.incoming.bytes = kPieceBytes;
    side.host.services["backup"] = service.get();
    const base::Status started = service->Start();
    EXPECT_TRUE(started.ok()) << started.error().message();
  }
  virtual std::unique_ptr<Backup> MakeService(Side& side) {
    return std::make_unique<Backup>(side.host, MakeBackupResources(side.host));
  }
  void EndBackups(Side& side) {
    side.host.Kill();
    backups_[&side].reset();
  }
  // The whole Region's process is killed and comes back.
  void RestartRegion(Side& side) {
    EndBackups(side);
    Restart(side);
    BeginBackups(side);
  }

  Answer Back(Side& side, std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("backup");
    CHECK(call.model != nullptr);
    call.operation = call.model->FindOperation(operation);
    CHECK_MSG(call.operation != nullptr, std::string(operation).c_str());
    call.input = std::move(input);
    std::optional<Answer> answer;
    backups_[&side]->Handle(call, [&answer](Answer given) { answer = std::move(given); });
    EXPECT_TRUE(world.RunUntil([&] { return answer.has_value(); })) << operation;
    CHECK(answer.has_value());
    return *answer;
  }
  Value Backed(Side& side, std::string_view operation, Value input = Value::Struct()) {
    const Answer answer = Back(side, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  std::string NotBacked(Side& side, std::string_view operation, Value input) {
    const Answer answer = Back(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }

  static Value Vaulted(std::string_view name) { return Value::Struct({{"BackupVaultName", name}}); }
  static std::string VaultArn(Side& side, std::string_view name) {
    return Arn(side.host, "backup", "backup-vault:" + std::string(name));
  }
  static std::string FileSystemArn(Side& side, const std::string& id) {
    return Arn(side.host, "elasticfilesystem", "file-system/" + id);
  }
  Value Asked(Side& side, const std::string& resource) {
    static_cast<void>(side);
    return Vaulted("vault").Set("ResourceArn", resource).Set("IamRoleArn", kRole);
  }
  Value Job(Side& side, const std::string& id) {
    return Backed(side, "DescribeBackupJob", Value::Struct({{"BackupJobId", id}}));
  }
  Value CopyJob(Side& side, const std::string& id) {
    return Backed(side, "DescribeCopyJob", Value::Struct({{"CopyJobId", id}})).Sub("CopyJob");
  }
  Value RestoreJob(Side& side, const std::string& id) {
    return Backed(side, "DescribeRestoreJob", Value::Struct({{"RestoreJobId", id}}));
  }
  // The job as it is when it has ended.
  Value AwaitBackup(Side& side, const std::string& id) {
    EXPECT_TRUE(world.RunUntil([&] { return Job(side, id).Has("CompletionDate"); }));
    return Job(side, id);
  }
  Value AwaitCopy(Side& side, const std::string& id) {
    EXPECT_TRUE(world.RunUntil([&] { return CopyJob(side, id).Has("CompletionDate"); }));
    return CopyJob(side, id);
  }
  Value AwaitRestore(Side& side, const std::string& id) {
    EXPECT_TRUE(world.RunUntil([&] { return RestoreJob(side, id).Has("CompletionDate"); }));
    return RestoreJob(side, id);
  }
  // ARN of the point.
  std::string BackUp(Side& side, const std::string& resource) {
    const std::string id(
        Backed(side, "StartBackupJob", Asked(side, resource)).String("BackupJobId"));
    const Value job = AwaitBackup(side, id);
    EXPECT_EQ(job.String("State"), "COMPLETED") << job.String("StatusMessage");
    return std::string(job.String("RecoveryPointArn"));
  }
  std::string StartCopy(Side& from, const std::string& point, Side& to) {
    Value input = Value::Struct({{"SourceBackupVaultName", "vault"},
                                 {"RecoveryPointArn", point},
                                 {"DestinationBackupVaultArn", VaultArn(to, "vault")},
                                 {"IamRoleArn", kRole}});
    return std::string(Backed(from, "StartCopyJob", input).String("CopyJobId"));
  }
  Value Restored(Side& side, const std::string& point, Value metadata) {
    Value input = Value::Struct({{"RecoveryPointArn", point}, {"IamRoleArn", kRole}});
    input.Set("Metadata", std::move(metadata));
    return AwaitRestore(side,
                        std::string(Backed(side, "StartRestoreJob", input).String("RestoreJobId")));
  }
  Value::List PointsOf(Side& side) {
    return Backed(side, "ListRecoveryPointsByBackupVault", Vaulted("vault"))
        .Items("RecoveryPoints");
  }
  std::size_t CountFolders(Side& side) {
    std::error_code error;
    std::size_t count = 0;
    std::filesystem::directory_iterator at(side.host.StateDirectory("backup") / "points", error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) ++count;
    return count;
  }

  static constexpr const char* kRole = "arn:aws:iam::123456789012:role/backup";
  std::map<Side*, std::unique_ptr<Backup>> backups_;
};

}  // namespace leeward::lab::backup
