// Looks at every running server: the replication link's state, and the metrics of AWS/RDS.
#include <charconv>

#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

constexpr std::string_view kNamespace = "AWS/RDS";
constexpr base::Duration kLookTimeout = std::chrono::seconds(2);

enum Column : std::size_t { kStreaming, kLag, kConnections, kSlotLag, kLogBytes };
// ReplicaLag is PostgreSQL's: now less the last replayed commit, so it grows on an idle or cut-off
// source.
constexpr std::string_view kLook =
    "SELECT (SELECT status = 'streaming' FROM pg_stat_wal_receiver), "
    "CASE WHEN pg_is_in_recovery() THEN "
    "  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "  AND usename <> 'rdsadmin'), "
    "CASE WHEN NOT pg_is_in_recovery() THEN "
    "  (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots) "
    "END, "
    "(SELECT sum(size) FROM pg_ls_waldir())";

void PublishNumber(MetricSink& sink, const Instance& instance, std::string_view metric,
                   std::string_view unit, const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return;
  sink.Publish(kNamespace, metric, {{"DBInstanceIdentifier", instance.id}}, unit, value);
}

}  // namespace

Flow<> Rds::Monitor() {
  for (;;) {
    for (const auto& [id, instance] : instances_) {
      const bool busy = instance->status == InstanceStatus::kCreating || instance->cancelled;
      if (instance->engine->running() && !busy) LookAt(instance).Detach();
    }
    co_await Sleep(host_, host_.pace() == Pace::kAws ? limits.monitor_aws : limits.monitor);
  }
}

Flow<> Rds::LookAt(InstancePtr instance) {
  if (instance->looking) co_return;
  instance->looking = true;
  SqlTarget target = instance->engine->Target();
  target.statement_timeout = kLookTimeout;
  auto look = Offload<base::Result<Rows>>(
      host_, [target] { return RunSql(target, std::vector<std::string>(1, std::string(kLook))); });
  const base::Result<Rows> rows = co_await look;
  instance->looking = false;
  if (rows.ok() && rows->size() == 1 && !instance->cancelled) TakeLook(*instance, rows->front());
}

void Rds::TakeLook(Instance& instance, const std::vector<std::string>& row) {
  const base::MonotonicTime now = host_.clock().Monotonic();
  if (instance.is_replica() && !instance.promoting && instance.link != LinkState::kTerminated) {
    const LinkState before = instance.link;
    if (instance.link_seen == base::MonotonicTime{}) instance.link_seen = now;
    if (row[kStreaming] == "t") {
      instance.link_seen = now;
      instance.link = LinkState::kReplicating;
    } else if (now - instance.link_seen > limits.link_error) {
      instance.link = LinkState::kError;
    }
    if (before != instance.link) Save();
  }
  auto* sink = FindSibling<MetricSink>(host_, "cloudwatch");
  if (sink == nullptr) return;
  PublishNumber(*sink, instance, "DatabaseConnections", "Count", row[kConnections]);
  PublishNumber(*sink, instance, "TransactionLogsDiskUsage", "Bytes", row[kLogBytes]);
  if (instance.is_replica()) PublishNumber(*sink, instance, "ReplicaLag", "Seconds", row[kLag]);
  PublishNumber(*sink, instance, "OldestReplicationSlotLag", "Bytes", row[kSlotLag]);
}

}  // namespace leeward::lab::rds
