// Requests for DynamoDB on their way to a Region's item store, over connections that are kept.
#pragma once

#include <map>
#include <memory>

#include "lab/control/host.h"
#include "os/http_pool.h"
#include "os/http_server.h"

namespace leeward::lab {

// Whether the target names DynamoDB or its streams, served operation or not.
bool IsForItems(const os::HttpServerRequest& request);

class ItemsDoor {
 public:
  // `host` outlives it.
  explicit ItemsDoor(LabHost& host) : host_(host), pool_(host.loop()) {}

  // Hands the request on as it is, and the answer back as it is. Where nobody answers the client is
  // told InternalServerError, at once; where the network swallows the request, it waits as long as
  // its patience lasts.
  void HandOn(const std::shared_ptr<os::HttpExchange>& exchange, const os::Address& to);
  static void Refuse(const std::shared_ptr<os::HttpExchange>& exchange);

 private:
  LabHost& host_;
  os::HttpPool pool_;
  std::map<std::uint64_t, std::unique_ptr<os::HttpCall>> calls_;
  std::uint64_t next_call_ = 1;
};

}  // namespace leeward::lab
