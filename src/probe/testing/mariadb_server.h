// MariaDbServer: a real server in a directory of its own, on a Unix socket and a port of loopback,
// for tests.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/random.h"
#include "os/socket.h"
#include "probe/mysql.h"

namespace leeward::probe::testing {

class MariaDbServer {
 public:
  // An empty server with the superuser root and the login "owner", who has what RDS gives a master
  // user as far as Leeward needs it, and the database "shop".
  static std::unique_ptr<MariaDbServer> Primary() {
    auto server = std::unique_ptr<MariaDbServer>(new MariaDbServer(1));
    server->Do({"/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=" + server->data(),
                "--auth-root-authentication-method=normal", "--skip-test-db",
                "--skip-name-resolve"});
    server->Start();
    for (const char* statement :
         {"CREATE USER owner@'%' IDENTIFIED BY 'secret'",
          "GRANT PROCESS, SLAVE MONITOR, CREATE USER ON *.* TO owner@'%'",
          "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON `%`.* TO owner@'%'",
          "CREATE USER follower@'%' IDENTIFIED BY 'follow'",
          "GRANT REPLICATION SLAVE ON *.* TO follower@'%'", "CREATE DATABASE shop"}) {
      server->Sql(statement);
    }
    return server;
  }
  // A read-only replica that begins with a copy of the stopped `source`, which runs again after.
  static std::unique_ptr<MariaDbServer> Replica(MariaDbServer& source) {
    auto server = std::unique_ptr<MariaDbServer>(new MariaDbServer(2));
    const std::string position = source.Sql("SELECT @@gtid_binlog_pos");
    source.Stop();
    server->Do({"/bin/cp", "-a", source.data(), server->data()});
    for (const auto& entry : std::filesystem::directory_iterator(server->data())) {
      if (entry.path().filename().string().starts_with("binlog")) {
        std::filesystem::remove(entry.path());
      }
    }
    source.Start();
    server->Start({"--read-only"});
    server->Sql("SET GLOBAL gtid_slave_pos = '" + position + "'");
    server->Sql(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=" + std::to_string(source.port_) +
        ", MASTER_USER='follower', MASTER_PASSWORD='follow', MASTER_USE_GTID=slave_pos, "
        "MASTER_CONNECT_RETRY=1");
    server->Sql("START SLAVE");
    return server;
  }

  ~MariaDbServer() { Stop(); }
  MariaDbServer(const MariaDbServer&) = delete;
  MariaDbServer& operator=(const MariaDbServer&) = delete;

  MySqlAddress Address(const std::string& database = "shop") const {
    return {.host = "127.0.0.1",
            .port = port_,
            .database = database,
            .user = "owner",
            .password = "secret"};
  }

  // SIGKILL, as a lost Region; everything below it goes too.
  void Stop() {
    if (pid_ <= 0) return;
    CHECK(os::KillTrees({pid_}, std::chrono::seconds(10)).ok());
    pid_ = 0;
  }

  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {"/usr/sbin/mariadbd",
                                     "--no-defaults",
                                     "--datadir=" + data(),
                                     "--socket=" + socket(),
                                     "--pid-file=" + root_ + "/pid",
                                     "--tmpdir=" + root_,
                                     "--bind-address=127.0.0.1",
                                     "--port=" + std::to_string(port_),
                                     "--server-id=" + std::to_string(id_),
                                     "--log-bin=binlog",
                                     "--log-slave-updates",
                                     "--gtid-strict-mode",
                                     "--skip-name-resolve",
                                     "--skip-slave-start",
                                     "--innodb-flush-log-at-trx-commit=2",
                                     "--innodb-buffer-pool-size=16M",
                                     "--slave-net-timeout=5"};
    argv.insert(argv.end(), more.begin(), more.end());
    auto started = os::StartProcess(Spec(std::move(argv)));
    CHECK_MSG(started.ok(), "mariadbd could not be started");
    pid_ = *started;
    AwaitReady();
  }

  // As root; the first column by name of the first row.
  std::string Sql(const std::string& statement) {
    const base::MonotonicTime deadline = clock_.Monotonic() + std::chrono::seconds(20);
    auto session = MySqlSession::Open(Root(), resolver_, deadline, clock_);
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    auto rows = (*session)->Query(statement, {}, deadline);
    CHECK_MSG(rows.ok(), rows.ok() ? "" : rows.error().message().c_str());
    return rows->empty() ? "" : rows->front().begin()->second.value_or("");
  }

  std::string socket() const { return root_ + "/sock"; }
  const Resolver& resolver() const { return resolver_; }
  const ports::Clock& clock() const { return clock_; }

 private:
  explicit MariaDbServer(int id) : id_(id) {
    user_ = os::UnprivilegedUser();
    if (user_) CHECK(::chown(root_.c_str(), user_->uid, user_->gid) == 0);
    const int probe = *os::Listen({"127.0.0.1", 0, ""});
    port_ = os::LocalAddress(probe).port;
    ::close(probe);
  }

  std::string data() const { return root_ + "/data"; }
  std::string log() const { return root_ + "/log"; }
  MySqlAddress Root() const {
    return {.host = socket(), .port = 0, .database = "", .user = "root", .password = ""};
  }

  os::ProcessSpec Spec(std::vector<std::string> argv) const {
    os::ProcessSpec spec;
    spec.argv = std::move(argv);
    spec.environment = {{"PATH", "/usr/bin:/bin:/usr/sbin"}, {"LC_ALL", "C"}, {"HOME", root_}};
    spec.directory = root_;
    spec.output = log();
    spec.user = user_;
    return spec;
  }

  // A program that ends by itself.
  void Do(std::vector<std::string> argv) {
    auto started = os::StartProcess(Spec(std::move(argv)));
    CHECK_MSG(started.ok(), "a MariaDB program could not be started");
    const int fd = os::OpenPidDescriptor(*started);
    pollfd wait{fd, POLLIN, 0};
    constexpr int kPatienceMillis = 60'000;
    CHECK(::poll(&wait, 1, kPatienceMillis) == 1);
    ::close(fd);
    const auto exit = os::PollExit(*started);
    CHECK_MSG(exit && exit->code == 0, Log().c_str());
  }

  void AwaitReady() {
    const base::MonotonicTime deadline = clock_.Monotonic() + std::chrono::seconds(60);
    while (!MySqlSession::Open(Root(), resolver_, deadline, clock_).ok()) {
      CHECK_MSG(clock_.Monotonic() < deadline, Log().c_str());
      ::poll(nullptr, 0, 10);
    }
  }

  std::string Log() const {
    std::ifstream file(log());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const base::testing::ScratchFolder scratch_{"leeward-maria-XXXXXX"};
  const std::string root_ = scratch_.path();
  const int id_;
  std::optional<os::User> user_;
  os::SystemClock clock_;
  os::SystemRandom random_;
  Resolver resolver_{{.servers = {{"127.0.0.1", 9}}}, clock_, random_};
  pid_t pid_ = 0;
  int port_ = 0;
};

}  // namespace leeward::probe::testing
