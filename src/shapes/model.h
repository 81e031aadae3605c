// The tables that describe AWS services: operations, shapes, where members travel, errors.
//
// They are generated at build time from aws_models/ (Amazon's own service models, trimmed) by
// tools/generate_models.py, as constant data: no code runs to set them up. Wire names are data
// here; how they are put on the wire is the business of the codecs.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace leeward::shapes {

enum class Protocol : std::uint8_t { kQuery, kEc2, kJson10, kJson11, kRestJson, kRestXml, kCbor };

enum class Type : std::uint8_t {
  kStructure,
  kList,
  kMap,
  kString,
  kBoolean,
  kInteger,
  kLong,
  kFloat,
  kDouble,
  kBlob,
  kTimestamp,
};

enum class Location : std::uint8_t { kBody, kHeader, kHeaderMap, kQuery, kUri, kStatusCode };

enum class TimestampFormat : std::uint8_t { kDefault, kIso8601, kUnix, kHttpDate };

struct Shape;

struct Member {
  std::string_view name;           // as in the model, the key in a Value
  std::string_view location_name;  // wire name where the model gives one, else empty
  std::string_view query_name;     // ec2's own override ("queryName"), else empty
  const Shape* shape;
  Location location = Location::kBody;
  TimestampFormat timestamp_format = TimestampFormat::kDefault;
  bool required = false;
  bool idempotency_token = false;
  bool flattened = false;
  bool xml_attribute = false;
  bool host_label = false;
  bool json_value = false;  // a header that holds base64 of JSON
  std::string_view xml_namespace_uri;
  std::string_view xml_namespace_prefix;
};

// How a structure that is an error travels.
struct ErrorInfo {
  std::string_view code;      // wire code: "DBInstanceNotFound", or the shape's name
  std::uint16_t http_status;  // 0: 400 for the sender's fault, else 500
  bool sender_fault = true;
};

struct Shape {
  std::string_view name;
  Type type;
  std::span<const Member> members;                // kStructure
  const Member* item = nullptr;                   // kList
  const Member* key = nullptr;                    // kMap
  const Member* value = nullptr;                  // kMap
  std::span<const std::string_view> enum_values;  // kString; an open set on the client's side
  const ErrorInfo* error = nullptr;               // set when the structure is an error
  std::string_view payload_member;                // rest: the member that is the whole body
  bool flattened = false;
  bool union_type = false;
  bool streaming = false;
  TimestampFormat timestamp_format = TimestampFormat::kDefault;
  bool has_min = false;  // length of text, blobs and lists; value of numbers
  bool has_max = false;
  double min = 0;
  double max = 0;
  std::string_view pattern;
  std::string_view location_name;  // rest-xml: root element
  std::string_view xml_namespace;
  std::string_view xml_namespace_prefix;
  bool document = false;      // free-form JSON
  bool event_stream = false;  // not served by either side's codecs
  bool sensitive = false;     // never logged

  const Member* FindMember(std::string_view member_name) const {
    for (const Member& member : members) {
      if (member.name == member_name) return &member;
    }
    return nullptr;
  }
};

struct Operation {
  std::string_view name;         // "DescribeDBInstances"
  std::string_view http_method;  // "POST"
  std::string_view request_uri;  // "/2013-04-01/hostedzone/{Id}/rrset"
  std::uint16_t success_status = 200;
  const Shape* input = nullptr;          // null: takes nothing
  const Shape* output = nullptr;         // null: answers nothing
  std::string_view result_wrapper;       // query: "DescribeDBInstancesResult"
  std::string_view input_location_name;  // rest-xml: root element of the body
  std::string_view input_xml_namespace;
  std::span<const Shape* const> errors;
  std::string_view endpoint_prefix;  // host prefix, when the operation has one
  std::string_view endpoint_host;    // a host of its own, when it has one
  std::string_view signing_region;   // and the Region it is signed for
  bool unsigned_request = false;     // carries no signature: AssumeRoleWithWebIdentity
  bool checksum_required = false;    // the body needs Content-MD5
};

// An operation that exists, but whose shapes are not kept: enough to recognise it and refuse it by
// name.
struct OtherOperation {
  std::string_view name;
  std::string_view http_method;
  std::string_view request_uri;
};

// The one endpoint of a global service in a partition.
struct PartitionEndpoint {
  std::string_view partition;  // "aws", "aws-cn", "aws-us-gov"
  std::string_view host;
  std::string_view signing_region;
};

struct Pagination {
  std::string_view operation;
  std::span<const std::string_view> input_tokens;
  std::span<const std::string_view>
      output_tokens;  // may be paths: "NextMarker || Contents[-1].Key"
  std::span<const std::string_view> result_keys;
  std::string_view limit_key;
  std::string_view more_results;
};

struct WaiterAcceptor {
  std::string_view state;     // success | failure | retry
  std::string_view matcher;   // status | error | path | pathAll | pathAny
  std::string_view argument;  // JMESPath for path matchers
  std::string_view expected;  // text form
};

struct Waiter {
  std::string_view name;
  std::string_view operation;
  std::uint16_t delay_seconds = 0;
  std::uint16_t max_attempts = 0;
  std::span<const WaiterAcceptor> acceptors;
};

struct Model {
  std::string_view service;     // "rds": folder name in aws_models, also botocore's client name
  std::string_view service_id;  // "RDS": AWS_ENDPOINT_URL_<SERVICE> is made of it
  std::string_view endpoint_prefix;  // "rds", "monitoring", "route53-recovery-cluster"
  std::string_view signing_name;
  std::string_view api_version;
  std::string_view target_prefix;  // JSON: before the dot in X-Amz-Target
  std::string_view xml_namespace;
  std::string_view global_endpoint;       // "route53.amazonaws.com" where there is one
  std::span<const Protocol> protocols;    // the first is the client's choice; the lab takes all
  std::span<const Operation> operations;  // sorted by name
  std::span<const Pagination> paginations;
  std::span<const Waiter> waiters;
  bool query_compatible = false;                           // awsQueryCompatible: x-amzn-query-error
  std::span<const OtherOperation> other_operations;        // sorted by name
  std::span<const PartitionEndpoint> partition_endpoints;  // global services only
  std::string_view host_template;  // empty: {endpoint_prefix}.{region}.{dns_suffix}

  const Operation* FindOperation(std::string_view operation_name) const {
    for (const Operation& operation : operations) {
      if (operation.name == operation_name) return &operation;
    }
    return nullptr;
  }
};

// All services known to this build, sorted by `service`.
std::span<const Model* const> AllModels();
// The service, or nullptr.
const Model* FindModel(std::string_view service);

}  // namespace leeward::shapes
