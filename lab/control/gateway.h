// The lab's front door: one address for all Regions, as AWS_ENDPOINT_URL wants it. Finds the Region
// in the credential scope and passes the request on through the network, so that a dead Region is a
// time-out.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lab/control/api.h"
#include "lab/control/items_door.h"
#include "os/http_pool.h"
#include "os/http_server.h"

namespace leeward::lab {

class Gateway {
 public:
  Gateway(LabHost& host, Api& global_api)
      : host_(host), global_api_(global_api), pool_(host.loop()), items_(host) {}

  void Handle(const std::shared_ptr<os::HttpExchange>& exchange);
  // Regions whose control plane has failed: global services that live there fail with it.
  void SetControlPlane(const std::string& region, Api::ControlPlane state) {
    control_planes_[region] = state;
  }

 private:
  void Forward(const std::shared_ptr<os::HttpExchange>& exchange, const std::string& region);
  void HandleGlobal(const std::shared_ptr<os::HttpExchange>& exchange, const ServiceEntry& entry,
                    const wire::Route& route);
  void Hang(const std::shared_ptr<os::HttpExchange>& exchange);
  static void Refuse(const std::shared_ptr<os::HttpExchange>& exchange, const wire::Route& route,
                     const ApiError& error);

  void HandleItems(const std::shared_ptr<os::HttpExchange>& exchange);

  LabHost& host_;
  Api& global_api_;
  os::HttpPool pool_;
  ItemsDoor items_;
  std::map<std::string, Api::ControlPlane> control_planes_;
  std::map<std::uint64_t, std::unique_ptr<os::HttpCall>> calls_;
  std::uint64_t next_call_ = 1;
};

}  // namespace leeward::lab
