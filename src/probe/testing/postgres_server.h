// PostgresServer: a real server in a directory of its own on a Unix socket, for tests.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/random.h"
#include "probe/postgres.h"

namespace leeward::probe::testing {

class PostgresServer {
 public:
  // An empty server with the superuser "root_of_test", the login "owner" (no superuser; may signal
  // others' sessions, as rds_superuser may) and its database "shop".
  static std::unique_ptr<PostgresServer> Primary() {
    auto server = std::unique_ptr<PostgresServer>(new PostgresServer);
    server->Do({"initdb", "-D", server->data(), "-U", "root_of_test", "-A", "trust", "--no-sync",
                "--no-instructions", "-E", "UTF8", "--locale=C"});
    server->Start();
    server->Sql("postgres", "create role owner login createdb");
    server->Sql("postgres", "grant pg_signal_backend to owner");
    server->Sql("postgres", "create database shop owner owner");
    return server;
  }
  // A streaming replica of `source`, caught up to where it began.
  static std::unique_ptr<PostgresServer> Replica(PostgresServer& source) {
    auto server = std::unique_ptr<PostgresServer>(new PostgresServer);
    server->Do({"pg_basebackup", "-D", server->data(), "-h", source.socket(), "-U", "root_of_test",
                "-R", "-X", "stream", "-c", "fast", "--no-sync"});
    server->Start();
    return server;
  }

  ~PostgresServer() { Stop(); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  PostgresAddress Address(const std::string& database = "shop") const {
    return {.host = socket(), .port = 5432, .database = database, .user = "owner", .password = ""};
  }

  // SIGKILL, as a lost Region; everything below it goes too.
  void Stop() {
    if (pid_ <= 0) return;
    CHECK(os::KillTrees({pid_}, std::chrono::seconds(10)).ok());
    pid_ = 0;
  }

  void Start() {
    os::ProcessSpec spec = Spec({"postgres", "-D", data(), "-k", socket()});
    for (const char* setting : {"listen_addresses=", "fsync=off", "shared_buffers=16MB",
                                "max_connections=40", "wal_level=replica", "hot_standby=on",
                                "autovacuum=off", "wal_retrieve_retry_interval=100"}) {
      spec.argv.push_back("-c");
      spec.argv.push_back(setting);
    }
    auto started = os::StartProcess(spec);
    CHECK_MSG(started.ok(), "postgres could not be started");
    pid_ = *started;
    AwaitReady();
  }

  // As the superuser; the first column of the first row.
  std::string Sql(const std::string& database, const std::string& statement) {
    PostgresAddress address = Address(database);
    address.user = "root_of_test";
    const base::MonotonicTime deadline = clock_.Monotonic() + std::chrono::seconds(20);
    auto session = PostgresSession::Open(address, resolver_, deadline, clock_);
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    auto rows = (*session)->Query(statement, {}, deadline);
    CHECK_MSG(rows.ok(), rows.ok() ? "" : rows.error().message().c_str());
    return rows->empty() || (*rows)[0].empty() ? "" : (*rows)[0][0].value_or("");
  }

  // From now on the login is let in with its password only.
  void AskForPassword(const std::string& login) {
    const std::string path = data() + "/pg_hba.conf";
    std::ifstream old(path);
    const std::string rest{std::istreambuf_iterator<char>(old), {}};
    std::ofstream(path) << "local all " << login << " scram-sha-256\n" << rest;
    Sql("postgres", "select pg_reload_conf()");
  }

  std::string socket() const { return root_; }
  const Resolver& resolver() const { return resolver_; }
  const ports::Clock& clock() const { return clock_; }

 private:
  PostgresServer() {
    user_ = os::UnprivilegedUser();
    if (user_) CHECK(::chown(root_.c_str(), user_->uid, user_->gid) == 0);
  }

  std::string data() const { return root_ + "/data"; }
  std::string log() const { return root_ + "/log"; }

  os::ProcessSpec Spec(std::vector<std::string> argv) const {
    static const std::string kPrograms = "/usr/lib/postgresql/15/bin/";
    os::ProcessSpec spec;
    argv[0] = kPrograms + argv[0];
    spec.argv = std::move(argv);
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}, {"HOME", root_}};
    spec.directory = root_;
    spec.output = log();
    spec.user = user_;
    return spec;
  }

  // A program that ends by itself.
  void Do(std::vector<std::string> argv) {
    auto started = os::StartProcess(Spec(std::move(argv)));
    CHECK_MSG(started.ok(), "a PostgreSQL program could not be started");
    const int fd = os::OpenPidDescriptor(*started);
    pollfd wait{fd, POLLIN, 0};
    constexpr int kPatienceMillis = 60'000;
    CHECK(::poll(&wait, 1, kPatienceMillis) == 1);
    ::close(fd);
    const auto exit = os::PollExit(*started);
    CHECK_MSG(exit && exit->code == 0, Log().c_str());
  }

  void AwaitReady() {
    const base::MonotonicTime deadline = clock_.Monotonic() + std::chrono::seconds(30);
    while (true) {
      auto session = PostgresSession::Open({.host = socket(),
                                            .port = 5432,
                                            .database = "postgres",
                                            .user = "root_of_test",
                                            .password = ""},
                                           resolver_, deadline, clock_);
      if (session.ok()) return;
      CHECK_MSG(clock_.Monotonic() < deadline, Log().c_str());
      ::poll(nullptr, 0, 10);
    }
  }

  std::string Log() const {
    std::ifstream file(log());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const base::testing::ScratchFolder scratch_{"leeward-pg-XXXXXX"};
  const std::string root_ = scratch_.path();
  std::optional<os::User> user_;
  os::SystemClock clock_;
  os::SystemRandom random_;
  Resolver resolver_{{.servers = {{"127.0.0.1", 9}}}, clock_, random_};
  pid_t pid_ = 0;
};

}  // namespace leeward::probe::testing
