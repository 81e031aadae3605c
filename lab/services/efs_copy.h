// A replicator that keeps the destination's tree a copy of the source's in rounds (lab/trees): a
// round takes what the source's directories have told, and looks at everything only where that is
// not known.
//
// Both trees are directories of this machine, so the files themselves are copied from one to the
// other. But each round begins with a question to the source's Region, and goes on by further ones:
// its answer, with its clock, tells up to when a round is complete, and lets so much cross
// (efs_permits.h). The lab's network carries, delays, cuts and darkens them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lab/services/efs_replicator.h"

namespace leeward::lab::efs {

struct CopyLimits {
  base::Duration call{10'000'000'000};       // to the source
  base::Duration retry{1'000'000'000};       // after a call, or a round, that failed
  base::Duration between_fast{500'000'000};  // rounds
  base::Duration between_aws{60'000'000'000};
  base::Duration listen{100'000'000};       // between looks at what directories have told
  base::Duration slice{20'000'000};         // of a worker thread's time, at once
  std::uint64_t window = 16 << 20;          // bytes that one answer lets cross
  std::uint32_t most_watches = UINT32_MAX;  // of one copy, beside the machine's limit
  base::Duration valid{250'000'000};        // in which they may
};

class CopyingReplicators : public Replicators {
 public:
  explicit CopyingReplicators(Host& host, CopyLimits limits = {}) : host_(host), limits_(limits) {}
  std::unique_ptr<Replicator> Make(const CopyOrder& order, std::function<void()> changed) override;
  bool Serve(std::string_view operation, const std::filesystem::path& tree,
             const shapes::Value& input, const Reply& reply) override;

 private:
  Host& host_;
  CopyLimits limits_;
};

}  // namespace leeward::lab::efs
