// How a Region's services know of each other, without knowing each other's insides. Each is found
// with Host::Find and a dynamic_cast; a service that is not there is a null pointer, and its users
// do without.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lab/core/service.h"

namespace leeward::lab {

// EC2's security groups, as seen by what they guard.
class SecurityGroups {
 public:
  virtual ~SecurityGroups() = default;
  virtual bool Exists(std::string_view group_id) const = 0;
  virtual std::string DefaultGroup() const = 0;
  // The source networks that any of the groups lets in to the TCP port.
  virtual std::vector<std::string> Ingress(const std::vector<std::string>& group_ids,
                                           std::uint16_t port) const = 0;
};

// What security groups guard: told when a rule has changed, and asked whether a group is in use.
class GuardedByGroups {
 public:
  virtual ~GuardedByGroups() = default;
  virtual void SecurityGroupsChanged() = 0;
  virtual bool UsesGroup(std::string_view group_id) const = 0;
};

using Dimensions = std::vector<std::pair<std::string, std::string>>;

// CloudWatch, as seen by services that publish metrics of their own.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void Publish(std::string_view metric_namespace, std::string_view metric,
                       const Dimensions& dimensions, std::string_view unit, double value) = 0;
};

// A service whose requests are read by a process of its own: the Region's API hands them on as they
// came.
class ReadsItsOwn {
 public:
  virtual ~ReadsItsOwn() = default;
  // The Unix socket that answers them; empty while none does.
  virtual std::string Door() const = 0;
};

template <typename Interface>
Interface* FindSibling(Host& host, std::string_view service) {
  return dynamic_cast<Interface*>(host.Find(service));
}

}  // namespace leeward::lab
