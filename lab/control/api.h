// AWS requests of one process: verified, given to their service, answered; and calls among the
// lab's own.
#pragma once

#include <memory>

#include "lab/control/host.h"
#include "lab/control/items_door.h"
#include "lab/wire/codec.h"
#include "os/http_server.h"

namespace leeward::lab {

class Api {
 public:
  explicit Api(LabHost& host) : host_(host), items_(host) {}

  void Handle(std::shared_ptr<os::HttpExchange> exchange);

  enum class ControlPlane { kUp, kDown };
  void SetControlPlane(ControlPlane state) { control_plane_ = state; }
  ControlPlane control_plane() const { return control_plane_; }

 private:
  struct Incoming;
  void HandleInternal(const std::shared_ptr<os::HttpExchange>& exchange);
  std::optional<ApiError> Authenticate(Incoming& incoming);
  std::optional<ApiError> Prepare(Incoming& incoming, Service** service);

  void HandOnItems(const std::shared_ptr<os::HttpExchange>& exchange);

  LabHost& host_;
  ItemsDoor items_;
  ControlPlane control_plane_ = ControlPlane::kUp;
};

// The request as the wire room reads it; a gzip body is unpacked only for decoding, never for the
// signature.
wire::Request ToWire(const os::HttpServerRequest& request);

}  // namespace leeward::lab
