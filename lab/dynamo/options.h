// What an item store's process is told when it starts.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/core/credentials.h"
#include "lab/core/service.h"
#include "os/socket.h"
#include "ports/files.h"

namespace leeward::lab::dynamo {

struct ItemsOptions {
  os::Address listen;     // a Unix socket inside a lab
  std::string directory;  // of the tables; made when absent
  std::string region = "us-east-1";
  Pace pace = Pace::kFast;
  CredentialSettings credentials;
  // Inside a lab: what its processes show each other, and the numbers that the Region's process
  // sets (region_clock.h). Empty: alone, with the machine's clock.
  std::string internal_token;
  // The item stores of the other Regions, by Region, as they are reached from here.
  std::map<std::string, os::Address> peers;
  std::string faults;
  // The Region's KMS keys (keys_file.h). Empty: any is taken by its name.
  std::string keys;
};

// The options as the Region's process hands them over, in a file.
base::Status SaveItemsOptions(const ItemsOptions& options, const std::string& path,
                              ports::Files& files);
base::Result<ItemsOptions> LoadItemsOptions(const std::string& path, ports::Files& files);

// Where the process answers the Region's: GET, with the lab's token. Answers {"metrics": [...]},
// what has gathered since it was asked last.
inline constexpr std::string_view kPulsePath = "/.leeward/pulse";
// Where AWS Backup asks: POST, with the lab's token. The name of a part of a backup follows
// (lab/tables/backup_parts.h), or of an operation, whose answer is what a client would get.
inline constexpr std::string_view kBackupPartsPath = "/.leeward/backup-parts/";
inline constexpr std::string_view kOperationsPath = "/.leeward/operations/";

}  // namespace leeward::lab::dynamo
