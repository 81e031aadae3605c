// What a lab is set up as; written once by `up`, read by each of its processes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/core/credentials.h"
#include "lab/core/item_peers.h"
#include "lab/core/service.h"
#include "ports/files.h"

namespace leeward::lab {

inline constexpr std::uint16_t kApiPort = 4566;  // of each Region's own address
inline constexpr std::uint16_t kClaimPort =
    4560;  // on 127.<block>.255.254: who holds it owns the block

struct LabConfig {
  std::string state;
  int first_block = 0;
  std::vector<std::string> regions;
  std::string gateway = "127.0.0.1:4566";
  std::string dns = "127.0.0.1:5353";
  Pace pace = Pace::kFast;
  CredentialSettings credentials;
  std::string internal_token;  // what the lab's processes show each other

  std::string File(std::string_view name) const { return state + "/" + std::string(name); }
  std::string Log(std::string_view process) const {
    return File("logs/" + std::string(process) + ".log");
  }
  std::string ApiSocket(std::string_view party) const {
    return File("run/" + std::string(party) + ".api");
  }
  std::string NetworkSocket() const { return File("run/network"); }
  std::string AdminSocket() const { return File("run/admin"); }
  // Start of the party's addresses: "127.1." of a Region, "127.1.254." of the global plane.
  std::string Prefix(std::string_view party) const;
  // Where the party's API is in the lab's network: the first address of its block.
  std::string ApiAddress(std::string_view party) const;
  // Where a Region's item store answers, on port kItemsPort.
  std::string ItemsAddress(std::string_view region) const;
  bool HasRegion(std::string_view name) const;
};

base::Status SaveConfig(const LabConfig& config, ports::Files& files);
base::Result<LabConfig> LoadConfig(const std::string& state, ports::Files& files);

}  // namespace leeward::lab
