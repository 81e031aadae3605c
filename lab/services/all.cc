#include "lab/services/all.h"

#include <array>

#include "lab/services/arc_config.h"
#include "lab/services/backup.h"
#include "lab/services/cloudwatch.h"
#include "lab/services/datasync.h"
#include "lab/services/dynamodb.h"
#include "lab/services/ec2.h"
#include "lab/services/ecs.h"
#include "lab/services/efs.h"
#include "lab/services/elasticache.h"
#include "lab/services/elbv2.h"
#include "lab/services/kms.h"
#include "lab/services/rds.h"
#include "lab/services/route53.h"
#include "lab/services/s3.h"
#include "lab/services/s3control.h"
#include "lab/services/secretsmanager.h"
#include "lab/services/sts.h"

namespace leeward::lab {
namespace {

// clang-format off
constexpr auto kServices = std::to_array<ServiceEntry>({
    // name, place, Region whose loss takes the control plane away (global ones only), maker
    {"sts", Place::kRegion, "", MakeSts},
    {"cloudwatch", Place::kRegion, "", MakeCloudWatch},  // before those who publish metrics
    {"ec2", Place::kRegion, "", MakeEc2},  // before what its security groups guard
    {"rds", Place::kRegion, "", MakeRds},
    {"elasticache", Place::kRegion, "", MakeElastiCache},
    {"efs", Place::kRegion, "", MakeEfs},  // before the tasks that mount it
    {"datasync", Place::kRegion, "", MakeDataSync},
    {"kms", Place::kRegion, "", MakeKms},  // before what its keys protect
    {"secretsmanager", Place::kRegion, "", MakeSecretsManager},
    {"s3", Place::kRegion, "", MakeS3},
    {"s3control", Place::kRegion, "", MakeS3Control},  // after the buckets
    {"route53-recovery-control-config", Place::kGlobal, "us-west-2", MakeArcConfig},
    {"dynamodb", Place::kRegion, "", MakeDynamoDb},  // and dynamodbstreams
    {"backup", Place::kRegion, "", MakeBackup},  // after what it backs up
    {"elbv2", Place::kRegion, "", MakeElbv2},
    {"ecs", Place::kRegion, "", MakeEcs},
    {"route53", Place::kGlobal, "us-east-1", MakeRoute53},
    {"route53-recovery-cluster", Place::kGlobal, "", MakeArcCluster},
});
// clang-format on

}  // namespace

std::span<const ServiceEntry> AllServices() { return kServices; }

}  // namespace leeward::lab
