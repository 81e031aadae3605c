#include "cli/world.h"

#include <condition_variable>
#include <utility>

#include "os/curl_transport.h"
#include "os/environment.h"

namespace leeward::cli {
namespace {

std::map<std::string, std::string> EnvironmentFor(const WorldOptions& options) {
  std::map<std::string, std::string> environment = os::WholeEnvironment();
  if (options.aws == WorldOptions::Aws::kOnlyGiven) {
    std::erase_if(environment,
                  [](const auto& variable) { return variable.first.starts_with("AWS_"); });
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
    environment["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  for (const auto& [name, value] : options.environment) environment[name] = value;
  return environment;
}

}  // namespace

std::string World::Variable(const std::string& name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() ? "" : found->second;
}

bool World::Pause(base::Duration wait) const {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

base::Result<std::unique_ptr<World>> World::Make(const WorldOptions& options) {
  std::unique_ptr<World> world(new World());
  world->stop = options.stop;
  world->environment_ = EnvironmentFor(options);

  probe::Resolver::Options resolving;
  if (!options.resolver.empty()) {
    ASSIGN_OR_RETURN(probe::DnsServer server, probe::ParseDnsServer(options.resolver));
    resolving.servers.push_back(std::move(server));
  }
  world->resolver =
      std::make_unique<probe::Resolver>(std::move(resolving), world->clock, world->random);

  world->transport = os::MakeCurlTransport({world->Variable("AWS_CA_BUNDLE")});
  aws::Ports ports;
  ports.transport = world->transport.get();
  ports.clock = &world->clock;
  ports.random = &world->random;
  ports.files = &world->files;
  ports.pause = [raw = world.get()](base::Duration wait) { return raw->Pause(wait); };
  aws::Settings settings;
  settings.environment = world->environment_;
  ASSIGN_OR_RETURN(world->aws, aws::Client::Create(ports, std::move(settings)));
  return world;
}

}  // namespace leeward::cli
