// session: the session service, beside the application in one Region.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "cli/secret_file.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/world.h"
#include "os/environment.h"
#include "os/notify.h"
#include "sessions/dynamo_store.h"
#include "sessions/memory_store.h"
#include "sessions/redis_store.h"
#include "sessions/service.h"

namespace leeward::cli {
namespace {

using sessions::Mode;

constexpr char kSessionTokenVariable[] = "LEEWARD_SESSION_TOKEN";
constexpr char kSecretVariable[] = "LEEWARD_SESSION_SECRET";
constexpr char kRedisUser[] = "LEEWARD_SESSION_REDIS_USER";
constexpr char kRedisPassword[] = "LEEWARD_SESSION_REDIS_PASSWORD";
constexpr int kNodeDigits = 12;
// Between looks at the store: in a table each is paid for.
constexpr base::Duration kTableTick = std::chrono::seconds(1);
constexpr base::Duration kSessionLook =
    std::chrono::milliseconds(200);  // between looks for a change

base::Status CheckRegion(const Arguments& arguments, const model::Regions& regions) {
  for (const model::Region& region : {regions.home, regions.recovery, regions.witness}) {
    if (!region.empty() && region.str() == arguments.region) return base::Ok();
  }
  return base::Invalid(fmt::format("{} is none of the application's Regions; --region is {} or {}",
                                   arguments.region, regions.home.str(), regions.recovery.str()));
}

// What each mode needs, before anything is asked of anybody.
base::Status CheckPlaces(const SessionArguments& session, Mode mode) {
  const bool redis = !session.redis.empty(), table = !session.table.empty();
  if (redis && table) return base::Invalid("there is one store: --redis or --table");
  if (mode == Mode::kRedis && !redis) return base::Invalid("--mode redis needs --redis HOST:PORT");
  if (mode == Mode::kDynamoDb && !table) return base::Invalid("--mode dynamodb needs --table NAME");
  if (mode == Mode::kTokens && !redis && !table)
    return base::Invalid(
        "--mode tokens needs --table NAME or --redis HOST:PORT: keys and revocations are kept "
        "where every Region has them");
  if (mode == Mode::kSync && table)
    return base::Invalid(
        "--mode sync keeps sessions in memory or --redis; a global table copies "
        "them by itself: --mode dynamodb");
  if (mode == Mode::kSync && session.peers.empty() && session.peer_listen.empty())
    return base::Invalid(
        "--mode sync needs the other Region: --peer URL and --peer-listen "
        "HOST:PORT");
  for (const std::string& peer : session.peers) {
    if (!peer.starts_with("http://") && !peer.starts_with("https://"))
      return base::Invalid(peer + " is no peer; write http://HOST:PORT");
  }
  return base::Ok();
}

sessions::Terms TermsFrom(const SessionArguments& session) {
  sessions::Terms terms;
  terms.idle = session.idle.value_or(terms.idle);
  terms.life = session.life.value_or(std::max(terms.life, terms.idle));
  terms.skew = session.skew.value_or(terms.skew);
  return terms;
}

sessions::ResolveName ResolverOf(World& world) {
  return
      [&world](const std::string& name, base::MonotonicTime deadline) -> base::Result<std::string> {
        ASSIGN_OR_RETURN(const probe::DnsAnswer answer, world.resolver->Resolve(name, deadline));
        if (answer.addresses.empty()) return base::NotFound(name + " has no address");
        return answer.addresses.front();
      };
}

using Store = std::unique_ptr<sessions::SessionStore>;

base::Result<Store> RedisFor(const Arguments& arguments, const model::ApplicationName& name,
                             const sessions::Terms& terms, World& world) {
  sessions::RedisStoreOptions options;
  ASSIGN_OR_RETURN(options.own.address, sessions::ParseRedisAddress(arguments.session.redis));
  options.own.user = world.Variable(kRedisUser);
  options.own.password = world.Variable(kRedisPassword);
  options.own.source_address = arguments.source;
  options.own.resolve = ResolverOf(world);
  options.prefix = "leeward:" + name.str() + ":";
  options.life = terms.life;
  for (const std::string& other : arguments.session.redis_other) {
    ASSIGN_OR_RETURN(const sessions::RedisAddress address, sessions::ParseRedisAddress(other));
    options.others.push_back(address);
  }
  return Store(std::make_unique<sessions::RedisStore>(std::move(options), world.clock));
}

base::Result<Store> StoreFor(const Arguments& arguments, const model::ApplicationName& name,
                             const sessions::Terms& terms, World& world) {
  if (!arguments.session.redis.empty()) return RedisFor(arguments, name, terms, world);
  if (arguments.session.table.empty()) {
    return Store(
        std::make_unique<sessions::MemoryStore>(sessions::MemoryStoreOptions{}, world.clock));
  }
  sessions::DynamoStoreOptions options;
  options.table = arguments.session.table;
  options.region = arguments.region;
  options.source_address = arguments.source;
  options.pause = [&world](base::Duration wait) { return world.Pause(wait); };
  return Store(std::make_unique<sessions::DynamoStore>(std::move(options), *world.aws, world.clock,
                                                       world.random));
}

void AddKeys(const Arguments& arguments, const model::ApplicationName& name,
             const std::string& seal_key, sessions::ServiceOptions* options) {
  const SessionArguments& session = arguments.session;
  sessions::TokenTerms& tokens = options->tokens;
  tokens.issuer = "leeward/" + name.str();
  tokens.audience = session.audience.empty() ? name.str() : session.audience;
  tokens.keys.algorithm = session::AlgorithmOf(session.algorithm).value();
  tokens.keys.region = arguments.region;
  tokens.keys.seal_key = seal_key;
  session::RotationTerms& rotation = tokens.keys.rotation;
  rotation.every = session.rotate.value_or(rotation.every);
  rotation.lead = session.lead.value_or(rotation.lead);
  rotation.longest_token = options->terms.idle + 2 * options->terms.skew;
}

base::Result<sessions::ServiceOptions> OptionsFrom(const Arguments& arguments,
                                                   const model::ApplicationName& name,
                                                   World& world) {
  const SessionArguments& session = arguments.session;
  sessions::ServiceOptions options;
  ASSIGN_OR_RETURN(options.mode, sessions::ModeOf(session.mode));
  RETURN_IF_ERROR(CheckPlaces(session, options.mode));
  options.terms = TermsFrom(session);
  options.place.region = arguments.region;
  options.place.node = arguments.region + "/" + world.random.Hex(kNodeDigits);
  options.source_address = arguments.source;
  options.peers = session.peers;
  if (!session.table.empty()) options.tick = kTableTick;
  ASSIGN_OR_RETURN(options.listen, os::Address::ParseHostPort(session.listen));
  if (!session.peer_listen.empty()) {
    ASSIGN_OR_RETURN(options.peer_listen, os::Address::ParseHostPort(session.peer_listen));
  }
  ASSIGN_OR_RETURN(options.token,
                   ReadSecret({arguments.token_file, kSessionTokenVariable, sessions::kLeastToken},
                              world.files));
  if (options.token.empty() && !options.listen.host.starts_with("127."))
    return base::Denied(session.listen +
                        " is not on loopback, so the application needs a token: "
                        "--token-file FILE");
  ASSIGN_OR_RETURN(
      const std::string secret,
      ReadSecret({session.secret_file, kSecretVariable, sessions::kLeastSecret}, world.files));
  const bool shares =
      options.mode == Mode::kTokens || options.peer_listen || !session.peers.empty();
  if (!shares) return options;
  if (secret.empty())
    return base::Denied(
        "the services of the Regions need a secret that they share: --secret-file "
        "FILE, the same in each");
  ASSIGN_OR_RETURN(const sessions::SharedSecrets secrets, sessions::SecretsFrom(secret));
  options.peer_token = secrets.peer_token;
  AddKeys(arguments, name, secrets.seal_key, &options);
  return options;
}

// One line at each change of how it is, until stopped.
class ServiceTeller {
 public:
  ServiceTeller(os::EventLoop& loop, const sessions::Service& service)
      : loop_(loop), service_(service) {
    Look();
  }

 private:
  void Look() {
    const std::string line = service_.Standing();
    if (line != last_) Emit("{}\n", Printable(line));
    std::fflush(stdout);
    last_ = line;
    loop_.After(kSessionLook, [this] { Look(); });
  }

  os::EventLoop& loop_;
  const sessions::Service& service_;
  std::string last_ = "the store was not asked yet";
};

base::Status ServeSessions(const Arguments& arguments, std::stop_token stop) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const Project project, ReadProject(files, arguments));
  RETURN_IF_ERROR(CheckRegion(arguments, project.application.regions));
  WorldOptions world_options;
  world_options.resolver = arguments.resolver;
  world_options.stop = stop;
  ASSIGN_OR_RETURN(const std::unique_ptr<World> world, World::Make(world_options));
  const model::ApplicationName& name = project.application.name;
  ASSIGN_OR_RETURN(sessions::ServiceOptions options, OptionsFrom(arguments, name, *world));
  RETURN_IF_ERROR(Validate(options.terms));
  ASSIGN_OR_RETURN(auto store, StoreFor(arguments, name, options.terms, *world));
  os::EventLoop loop;
  ASSIGN_OR_RETURN(const auto service,
                   sessions::Service::Start(loop, std::move(options), std::move(store),
                                            *world->transport, world->clock, world->random));
  const auto peers = service->peer_address();
  Emit("sessions of {} in {} by {}: http://{}/{}\n", name.str(), arguments.region,
       arguments.session.mode, service->address().ToString(),
       peers ? ", other Regions at " + peers->ToString() : "");
  std::fflush(stdout);
  RETURN_IF_ERROR(os::NotifyServiceManager("READY=1"));
  const ServiceTeller teller(loop, *service);
  const std::stop_callback ends(stop, [&loop] { loop.Stop(); });
  loop.Run();
  return os::NotifyServiceManager("STOPPING=1");
}

}  // namespace

int RunSession(const Arguments& arguments) {
  const StopSignals signals;
  const base::Status served = ServeSessions(arguments, signals.token());
  if (served.ok()) return kDone;
  return AlreadyTold(served.error()) ? ExitCodeFor(served.error().code())
                                     : Complain(served.error());
}

}  // namespace leeward::cli
