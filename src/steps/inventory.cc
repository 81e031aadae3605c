// Learning, while all is well, everything a failover needs, so that then nothing has to be asked.
#include "steps/app.h"
#include "steps/datasync.h"
#include "steps/dynamodb.h"
#include "steps/ebs.h"
#include "steps/ecs.h"
#include "steps/elasticache.h"
#include "steps/kms.h"
#include "steps/rds.h"
#include "steps/route53.h"
#include "steps/s3.h"
#include "steps/secretsmanager.h"

namespace leeward::steps {
namespace {

class Refresh {
 public:
  explicit Refresh(const Work& work) : work_(work) {}

  Result<model::Inventory> Run() {
    inventory_.refreshed = work_.tools().clock.Now();
    for (const model::Component& component : work_.application().components) {
      RETURN_IF_ERROR(std::visit([&](const auto& kind) { return Learn(component.name, kind); },
                                 component.kind));
    }
    return std::move(inventory_);
  }

 private:
  std::vector<Region> BothRegions() const {
    return {work_.application().regions.home, work_.application().regions.recovery};
  }

  void Put(const model::ComponentName& component, const Region& region, const std::string& name,
           std::string value) {
    inventory_.facts[{component, region, name}] = std::move(value);
  }

  Status Learn(const model::ComponentName& name, const model::Rds& rds) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const std::optional<Instance> found,
                       DescribeInstance(work_, region, rds.instance));
      // One that is restored when it is needed is in one Region at a time.
      if (!found && rds.restores()) continue;
      ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work_, region, rds.instance));
      Put(name, region, "instance.arn", instance.arn);
      Put(name, region, "instance.class", instance.instance_class);
      Put(name, region, "instance.resource-id", instance.resource_id);
      Put(name, region, "endpoint.address", instance.address);
      Put(name, region, "endpoint.port", std::to_string(instance.port));
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Ecs& ecs) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work_, region, ecs));
      if (!service) {
        return base::NotFound("there is no service " + ecs.cluster + "/" + ecs.service + " in " +
                              region.str());
      }
      Put(name, region, "service.arn", std::string(service->String("serviceArn")));
      Put(name, region, "task-definition.arn", std::string(service->String("taskDefinition")));
      if (ecs.load_balancer.empty()) continue;
      RETURN_IF_ERROR(LearnFront(name, region, ecs.load_balancer));
      ASSIGN_OR_RETURN(const std::string group, TargetGroupArn(work_, region, ecs.target_group));
      Put(name, region, "target-group.arn", group);
    }
    return base::Ok();
  }

  Status LearnFront(const model::ComponentName& name, const Region& region,
                    const std::string& load_balancer) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer, FindLoadBalancer(work_, region, load_balancer));
    Put(name, region, "load-balancer.arn", balancer.arn);
    Put(name, region, "load-balancer.address", balancer.dns_name);
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Route53& route53) {
    ASSIGN_OR_RETURN(const ControlPanel panel, FindControlPanel(work_, route53));
    ASSIGN_OR_RETURN(const auto controls, RoutingControls(work_, panel));
    for (const Region& region : BothRegions()) {
      const auto control = controls.find(ControlName(work_.application(), region));
      if (control == controls.end()) {
        return base::NotFound("there is no routing control " +
                              ControlName(work_.application(), region) + "; run `leeward protect`");
      }
      Put(name, region, "routing-control.arn", control->second);
      RETURN_IF_ERROR(LearnFront(name, region, route53.load_balancer));
    }
    for (std::size_t i = 0; i < panel.endpoints.size(); ++i) {
      Put(name, Region(), EndpointUrlFact(i), panel.endpoints[i].url);
      Put(name, Region(), EndpointRegionFact(i), panel.endpoints[i].region.str());
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Dynamodb& dynamodb) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const std::optional<Table> found,
                       DescribeTable(work_, region, dynamodb.table));
      if (!found && dynamodb.backup.restores()) continue;
      ASSIGN_OR_RETURN(const Table table, NeedTable(work_, region, dynamodb.table));
      Put(name, region, "table.arn", table.arn);
      NoteKey(table.key, [&](const std::string& fact, std::string value) {
        Put(name, region, fact, std::move(value));
      });
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Elasticache& cache) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const Group group, NeedGroup(work_, region, cache.replication_group));
      Put(name, region, "group.arn", group.arn);
      Put(name, region, "datastore.id", group.datastore);
      Put(name, region, "endpoint.address", group.address);
      Put(name, region, "endpoint.port", std::to_string(group.port));
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Efs& efs) {
    std::vector<Region> regions;
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const std::optional<FileSystem> found, FindFileSystem(work_, region, efs));
      if (found || !efs.backup.restores()) regions.push_back(region);
    }
    return LearnFiles(name, efs, regions);
  }
  Status LearnFiles(const model::ComponentName& name, const model::Files& files,
                    const std::vector<Region>& regions) {
    for (const Region& region : regions) {
      ASSIGN_OR_RETURN(const FileSystem system, NeedFileSystem(work_, region, files));
      Put(name, region, "file-system.id", system.id);
      Put(name, region, "file-system.arn", system.arn);
    }
    return base::Ok();
  }
  Status Learn(const model::ComponentName& name, const model::DataSync& synced) {
    RETURN_IF_ERROR(LearnFiles(name, synced, BothRegions()));
    for (const Region& region : BothRegions()) {
      const std::string id(inventory_.Fact(name, region, "file-system.id"));
      ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, TasksInto(work_, region, id));
      for (const SyncTask& task : tasks) {
        if (task.name == SyncTaskName(work_.application(), name))
          Put(name, region, "task.arn", task.arn);
      }
    }
    return base::Ok();
  }

  // Volumes are where the application is, and found by their tag; sets may be in both Regions.
  Status Learn(const model::ComponentName& name, const model::Ebs& ebs) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const Value volumes,
                       work_.Pages(region, "ec2", "DescribeVolumes", VolumesWith(ebs)));
      std::string ids;
      for (const Volume& one : Chosen(volumes)) ids += (ids.empty() ? "" : ",") + one.id;
      if (!ids.empty()) Put(name, region, "volume.ids", ids);
      ASSIGN_OR_RETURN(const Value snapshots,
                       work_.Pages(region, "ec2", "DescribeSnapshots",
                                   SnapshotsOf(work_.application().name, name)));
      const std::vector<SnapshotSet> sets = ReadSets(snapshots);
      const SnapshotSet* newest = NewestComplete(sets);
      if (newest != nullptr) Put(name, region, "set.newest", newest->name);
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Secret& secret) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const SecretSeen seen, NeedSecret(work_, region, secret));
      Put(name, region, "secret.arn", seen.arn);
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::Kms& kms) {
    for (const Region& region : BothRegions()) {
      ASSIGN_OR_RETURN(const KeyTold told, NeedMultiRegionKey(work_, region, kms.key));
      Put(name, region, "key.arn", told.arn);
    }
    return base::Ok();
  }

  Status Learn(const model::ComponentName& name, const model::S3& s3) {
    for (const Region& region : BothRegions()) {
      RETURN_IF_ERROR(NeedBucket(work_, s3, region));
      Put(name, region, "bucket.name", s3.bucket(work_.application().regions, region));
    }
    return base::Ok();
  }

  const Work& work_;
  model::Inventory inventory_;
};

}  // namespace

Result<model::Inventory> LearnInventory(const Work& work) { return Refresh(work).Run(); }

Result<StepOutcome> InventoryRefresh(const Work& work) {
  ASSIGN_OR_RETURN(const model::Inventory learned, LearnInventory(work));
  if (!work.tools().save_inventory) return base::Invalid("there is nowhere to save the inventory");
  RETURN_IF_ERROR(work.tools().save_inventory(learned));
  const std::string count = std::to_string(learned.facts.size());
  return StepOutcome{count + " facts saved", {{"facts", count}}};
}

}  // namespace leeward::steps
