// Template: one initialised, empty cluster of an engine per Region, copied for every new instance,
// so that creating an instance takes as long as copying and starting it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/services/flow.h"
#include "lab/services/rds_engine_type.h"

namespace leeward::lab::rds {

class Template {
 public:
  // `directory` is the template's own; what is whole in it from an earlier run is used.
  Template(Host& host, const EngineType& type, std::filesystem::path directory, Secrets secrets);

  // Starts making it unless it is there or being made.
  void Make();
  // Makes it if need be; the directory of the stopped cluster.
  Flow<base::Result<std::filesystem::path>> Ready();

 private:
  using Outcome = base::Result<std::filesystem::path>;
  Flow<> Run();
  Flow<base::Status> Build();
  bool Complete() const;

  Host& host_;
  const EngineType& type_;
  std::filesystem::path directory_;
  Secrets secrets_;
  std::shared_ptr<Engine> engine_;
  bool making_ = false;
  std::vector<std::function<void(Outcome)>> waiting_;
};

}  // namespace leeward::lab::rds
