// World: the real side of everything Leeward talks to, made once per run.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "aws/client.h"
#include "base/result.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/random.h"
#include "ports/http.h"
#include "probe/dns.h"

namespace leeward::cli {

struct WorldOptions {
  std::string resolver;                            // "HOST:PORT"; empty: the system's
  std::map<std::string, std::string> environment;  // over the process's own
  // Whether the process's own AWS_* variables and configuration files count.
  enum class Aws { kAsConfigured, kOnlyGiven } aws = Aws::kAsConfigured;
  std::stop_token stop;  // ends waits
};

// Chance for several threads.
class SharedRandom : public ports::Random {
 public:
  std::uint64_t Next() override {
    std::lock_guard lock(mutex_);
    return random_.Next();
  }

 private:
  std::mutex mutex_;
  os::SystemRandom random_;
};

class World {
 public:
  // kInvalid: the resolver's text or the AWS configuration is malformed. Calls nobody.
  static base::Result<std::unique_ptr<World>> Make(const WorldOptions& options);

  // The variable's value from the options or the process; empty when it is not set.
  std::string Variable(const std::string& name) const;
  const std::map<std::string, std::string>& environment() const { return environment_; }
  // Waits that long; false when a stop was asked for meanwhile.
  bool Pause(base::Duration wait) const;

  os::SystemClock clock;
  os::SystemFiles files;
  SharedRandom random;
  std::unique_ptr<ports::HttpTransport> transport;
  std::unique_ptr<aws::Client> aws;
  std::unique_ptr<probe::Resolver> resolver;
  std::stop_token stop;

 private:
  World() = default;
  std::map<std::string, std::string> environment_;
};

}  // namespace leeward::cli
