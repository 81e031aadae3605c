// The item stores of the other Regions over HTTP, through the lab's network.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lab/dynamo/options.h"
#include "lab/replicas/peers.h"
#include "os/http_pool.h"

namespace leeward::lab::dynamo {

// Where a keeper's questions arrive: POST, with the lab's token; the operation's name follows.
inline constexpr std::string_view kReplicasPath = "/.leeward/replicas/";
inline constexpr std::string_view kTokenHeader = "X-Leeward-Token";

class HttpPeers : public replicas::Peers {
 public:
  HttpPeers(os::EventLoop& loop, const ItemsOptions& options);

  const std::vector<std::string>& regions() const override { return regions_; }
  void Call(const std::string& region, std::string_view operation, shapes::Value input,
            base::Duration deadline, Done done) override;

 private:
  os::EventLoop& loop_;
  os::HttpPool pool_;
  std::string token_;
  std::vector<std::string> regions_;
  std::map<std::string, os::Address> addresses_;
  std::map<std::uint64_t, std::unique_ptr<os::HttpCall>> calls_;
  std::uint64_t next_call_ = 1;
};

// How a keeper's answer travels, and what comes back of it.
std::string PeerAnswerToJson(const base::Result<shapes::Value>& answer);
base::Result<shapes::Value> PeerAnswerFromJson(std::string_view json);

}  // namespace leeward::lab::dynamo
