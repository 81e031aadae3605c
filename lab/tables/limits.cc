#include <fmt/format.h>

#include "lab/tables/handlers.h"
#include "lab/tables/table_spec.h"

namespace leeward::lab::tables {
namespace {

constexpr std::int64_t kMaxAccountUnits = 80000;
constexpr int kEndpointMinutes = 1440;

}  // namespace

WireAnswer DescribeLimits(const Request&) {
  return {200,
          fmt::format(R"({{"AccountMaxReadCapacityUnits":{0},"AccountMaxWriteCapacityUnits":{0},)"
                      R"("TableMaxReadCapacityUnits":{1},"TableMaxWriteCapacityUnits":{1}}})",
                      kMaxAccountUnits, kMaxUnits)};
}

WireAnswer DescribeEndpoints(const Request& request) {
  return {
      200,
      fmt::format(
          R"({{"Endpoints":[{{"Address":"dynamodb.{}.amazonaws.com","CachePeriodInMinutes":{}}}]}})",
          request.core.options.region, kEndpointMinutes)};
}

}  // namespace leeward::lab::tables
