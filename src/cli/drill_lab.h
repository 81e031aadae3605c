// DrillLab: a private lab for one drill, by the program leeward-lab that stands beside this one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "ports/files.h"

namespace leeward::cli {

struct LabEndpoints {
  std::string gateway;                          // URL of every AWS service
  std::string dns;                              // "127.0.0.1:5353"
  std::map<model::Region, std::string> blocks;  // Region → "127.2.0.0/16"
};

class DrillLab {
 public:
  enum class Ending { kTakeDown, kKeep };
  // `directory` is the lab's own; it is removed with the lab.
  DrillLab(ports::Files& files, std::string directory, Ending ending);
  // Takes the lab down, whatever state it is in.
  ~DrillLab();
  DrillLab(const DrillLab&) = delete;
  DrillLab& operator=(const DrillLab&) = delete;

  base::Result<LabEndpoints> Up(const model::Regions& regions);
  // Kills every process of the Region and takes its addresses off the network; answers when that
  // was.
  base::Result<base::WallTime> Kill(const model::Region& region);
  base::Status Heal(const model::Region& region);
  base::Status Down();

  const std::string& directory() const { return directory_; }

 private:
  base::Result<std::string> Run(std::vector<std::string> arguments, base::Duration patience);

  ports::Files& files_;
  const std::string directory_;
  const Ending ending_;
  bool up_ = false;
};

// An address of the Region's block, for a vantage point that stands there: "127.2.0.0/16" →
// "127.2.255.<last>".
base::Result<std::string> AddressIn(const std::string& block, int last);

}  // namespace leeward::cli
