#include "steps/rds.h"

#include <charconv>

namespace leeward::steps {
namespace {

Instance ReadInstance(const Value& answer) {
  Instance instance;
  instance.arn = answer.String("DBInstanceArn");
  instance.resource_id = answer.String("DbiResourceId");
  instance.status = answer.String("DBInstanceStatus");
  instance.engine = answer.String("Engine");
  instance.instance_class = answer.String("DBInstanceClass");
  instance.address = answer.Sub("Endpoint").String("Address");
  instance.port = static_cast<int>(answer.Sub("Endpoint").Int("Port"));
  instance.retention_days = answer.Int("BackupRetentionPeriod");
  instance.encrypted = answer.Flag("StorageEncrypted", false);
  instance.source = answer.String("ReadReplicaSourceDBInstanceIdentifier");
  instance.has_replicas = !answer.Items("ReadReplicaDBInstanceIdentifiers").empty();
  for (const Value& info : answer.Items("StatusInfos")) {
    if (info.String("StatusType") == "read replication") {
      instance.replication_status = info.String("Status");
    }
  }
  return instance;
}

}  // namespace

Result<std::optional<Instance>> DescribeInstance(const Work& work, const Region& region,
                                                 const std::string& identifier) {
  const auto answer = work.Call(region, "rds", "DescribeDBInstances",
                                Value::Struct({{"DBInstanceIdentifier", identifier}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound) {
    return std::optional<Instance>();
  }
  if (!answer.ok()) return answer.error();
  const Value::List& instances = answer->Items("DBInstances");
  if (instances.empty()) return std::optional<Instance>();
  return std::optional<Instance>(ReadInstance(instances.front()));
}

Result<Instance> NeedInstance(const Work& work, const Region& region,
                              const std::string& identifier) {
  ASSIGN_OR_RETURN(std::optional<Instance> instance, DescribeInstance(work, region, identifier));
  if (!instance) {
    return base::NotFound("there is no RDS instance '" + identifier + "' in " + region.str() +
                          "; check `instance` in the spec");
  }
  return *std::move(instance);
}

Result<Instance> AwaitStatus(const Work& work, const Region& region, const std::string& identifier,
                             const std::string& status) {
  std::string seen;
  return work.Await<Instance>(
      Place(identifier, region) + " to be " + status, work.ApiPace(),
      [&]() -> Result<std::optional<Instance>> {
        ASSIGN_OR_RETURN(std::optional<Instance> instance,
                         DescribeInstance(work, region, identifier));
        const std::string now = instance ? instance->status : "not there yet";
        if (now != seen) work.Say(Place(identifier, region) + ": " + now);
        seen = now;
        if (now == "failed" || now == "deleting" || now.starts_with("incompatible-")) {
          return base::WrongState(Place(identifier, region) + " is " + now +
                                  "; repair it in RDS, then run the same command again");
        }
        if (!instance || now != status) return std::optional<Instance>();
        return instance;
      });
}

probe::SqlAddress DatabaseAt(const Work& work, const model::Rds& rds, const std::string& host,
                             int port) {
  const auto password = work.tools().environment.find(rds.password_env);
  return {.engine = rds.engine,
          .host = host,
          .port = port > 0 ? port : probe::DefaultPort(rds.engine),
          .database = rds.database,
          .user = rds.user,
          .password = password == work.tools().environment.end() ? "" : password->second};
}

Result<probe::SqlAddress> DatabaseIn(const Work& work, const model::Rds& rds,
                                     const Region& region) {
  const std::string_view host = work.Fact(work.step().component, region, "endpoint.address");
  const std::string_view port = work.Fact(work.step().component, region, "endpoint.port");
  int number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  if (!host.empty()) return DatabaseAt(work, rds, std::string(host), number);
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, region, rds.instance));
  if (instance.address.empty()) {
    return base::WrongState(Place(rds.instance, region) + " has no address yet; it is " +
                            instance.status);
  }
  return DatabaseAt(work, rds, instance.address, instance.port);
}

Result<probe::SqlPosition> PositionAt(const Work& work, const probe::SqlAddress& address) {
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  return work.shared().sessions.With(
      address, deadline, [&] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return session.Position(deadline); });
}

}  // namespace leeward::steps
