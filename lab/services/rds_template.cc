#include "lab/services/rds_template.h"

#include <fmt/format.h>

#include <fstream>
#include <system_error>

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

// Everything that reaches the socket came through the network, so a password is always asked for.
constexpr std::string_view kAccess =
    "local replication rdsrepladmin scram-sha-256\n"
    "local all rdsrepladmin reject\n"
    "local all rdsadmin scram-sha-256\n"
    "local rdsadmin all reject\n"
    "local all all scram-sha-256\n";

std::vector<std::string> RoleStatements(const Secrets& secrets) {
  return {
      fmt::format("CREATE ROLE {} LOGIN REPLICATION PASSWORD {}", kReplicationUser,
                  QuoteLiteral(secrets.replication)),
      "CREATE ROLE rds_replication",
      "CREATE ROLE rds_password",
      "CREATE ROLE rds_superuser",
      "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION",
      "GRANT pg_read_all_data, pg_write_all_data TO rds_superuser WITH ADMIN OPTION",
      "GRANT rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION",
  };
}

}  // namespace

Template::Template(Host& host, fs::path directory, Secrets secrets)
    : host_(host), directory_(std::move(directory)), secrets_(std::move(secrets)) {}

bool Template::Complete() const {
  std::error_code ignored;
  return fs::exists(directory_ / "complete", ignored);
}

void Template::Make() {
  if (making_ || Complete()) return;
  making_ = true;
  Run().Detach();
}

Flow<> Template::Run() {
  const base::Status built = co_await Build();
  making_ = false;
  Outcome outcome = engine_ ? Outcome(engine_->data()) : Outcome(directory_ / "data");
  if (!built.ok()) outcome = base::Error(built.error());
  engine_.reset();
  for (auto& done : std::exchange(waiting_, {})) done(outcome);
}

Flow<base::Status> Template::Build() {
  std::error_code error;
  fs::remove_all(directory_, error);
  fs::create_directories(directory_, error);
  engine_ = std::make_shared<PostgresEngine>(host_, directory_, secrets_);
  const fs::path password = directory_ / "password";
  std::ofstream(password) << secrets_.admin << "\n";
  fs::permissions(password, fs::perms::owner_read | fs::perms::owner_write, error);
  base::Status outcome = host_.GiveToEngine(directory_);
  if (outcome.ok()) outcome = host_.GiveToEngine(password);
  if (!outcome.ok()) co_return outcome;
  ChildSpec spec;
  spec.argv = {fmt::format("{}/initdb", kPostgresBin),
               "-D",
               (directory_ / "data").string(),
               "-U",
               std::string(kAdminUser),
               "-E",
               "UTF8",
               "--locale=C.UTF-8",
               "-A",
               "scram-sha-256",
               "--wal-segsize=4",
               "--no-sync",
               "--pwfile=" + password.string()};
  spec.directory = directory_;
  spec.log = directory_ / "initdb.log";
  const base::Result<ExitStatus> ended = co_await RunChild(host_, spec);
  if (!ended.ok()) co_return ended.error();
  if (ended->code != 0) co_return base::ServiceBroken("initdb failed; see " + spec.log.string());
  fs::remove(password, error);
  std::ofstream(directory_ / "data" / "postgresql.conf", std::ios::app)
      << "include_if_exists 'leeward.conf'\n";
  std::ofstream(directory_ / "data" / "pg_hba.conf", std::ios::trunc) << kAccess;
  outcome = engine_->Configure({});
  if (!outcome.ok()) co_return outcome;
  outcome = co_await engine_->Start();
  if (!outcome.ok()) co_return outcome;
  const base::Result<Rows> roles = co_await engine_->Sql(RoleStatements(secrets_));
  outcome = co_await engine_->Stop();
  if (!roles.ok()) co_return roles.error();
  if (outcome.ok()) std::ofstream(directory_ / "complete") << "\n";
  co_return outcome;
}

Flow<base::Result<fs::path>> Template::Ready() {
  if (Complete()) co_return directory_ / "data";
  Await<Outcome> made([this](Await<Outcome>::Done done) {
    waiting_.push_back(std::move(done));
    Make();
  });
  co_return co_await made;
}

}  // namespace leeward::lab::rds
