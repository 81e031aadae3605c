// The lab's network as a Region's process sees it: a client of the network process.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/network/line_channel.h"
#include "ports/files.h"

namespace leeward::lab {

struct NetworkClientOptions {
  std::string socket;        // of the network process
  std::string party;         // Region or "global"
  std::string prefix;        // of the party's addresses: "127.1." or "127.1.254."
  std::string address_file;  // which name has which address; kept over kill and heal
};

class NetworkClient : public Network {
 public:
  static base::Result<std::unique_ptr<NetworkClient>> Connect(NetworkClientOptions options,
                                                              ports::Files& files);
  NetworkClient(NetworkClientOptions options, ports::Files& files,
                std::unique_ptr<LineCaller> caller);

  // As Publish, and says what went wrong.
  base::Status TryPublish(const PublicEndpoint& endpoint);

  std::string AddressFor(std::string_view name) override;
  void Publish(const PublicEndpoint& endpoint) override;
  void Withdraw(std::string_view name) override;
  void SetIngress(std::string_view name, std::vector<std::string> cidrs) override;
  std::pair<std::string, std::uint16_t> Link(std::string_view to_region, std::string_view address,
                                             std::uint16_t port) override;
  bool IsDark(std::string_view region) const override;

 private:
  // Asks; what goes wrong is written to the log, as callers cannot do anything about it.
  shapes::Value Ask(const shapes::Value& request) const;

  NetworkClientOptions options_;
  ports::Files& files_;
  std::unique_ptr<LineCaller> caller_;
  shapes::Value addresses_;  // name to number
};

}  // namespace leeward::lab
