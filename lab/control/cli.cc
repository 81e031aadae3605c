#include "lab/control/cli.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <optional>

#include "lab/control/config.h"
#include "lab/control/process.h"
#include "lab/control/supervisor.h"
#include "lab/core/remove_tree.h"
#include "lab/dynamo/process.h"
#include "lab/network/line_channel.h"
#include "os/environment.h"
#include "os/files.h"
#include "os/process.h"
#include "os/random.h"
#include "os/socket.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr int kCannotReach = 4;
constexpr base::Duration kUpLimit = std::chrono::seconds(60);
constexpr base::Duration kCommandLimit = std::chrono::seconds(60);
constexpr base::Duration kDownLimit = std::chrono::seconds(20);
constexpr base::Duration kConnectLimit = std::chrono::seconds(2);
constexpr std::size_t kMaxRegions = 3;

enum class Form { kText, kJson };

int Complain(int code, std::string_view what) {
  fmt::print(stderr, "leeward-lab: {}\n", what);
  return code;
}

bool Traversable(const std::filesystem::path& path) {
  for (std::filesystem::path at = path; !at.empty(); at = at.parent_path()) {
    struct stat status {};
    if (stat(at.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) == 0) return false;
    if (at == at.root_path()) break;
  }
  return true;
}

// Root's home is closed to the user that engines run as, so root's labs live elsewhere.
std::string DefaultState() {
  const std::string state = os::Environment("XDG_STATE_HOME").value_or("");
  const std::string home = os::Environment("HOME").value_or("");
  std::filesystem::path path = "/var/lib";
  if (!state.empty()) {
    path = state;
  } else if (!home.empty()) {
    path = std::filesystem::path(home) / ".local" / "state";
  }
  if (geteuid() == 0 && !Traversable(path)) path = "/var/lib";
  return (path / "leeward-lab").string();
}

struct Options {
  std::string state = DefaultState();
  std::string gateway = "127.0.0.1:4566";
  std::string dns = "127.0.0.1:5353";
  std::string pace = "fast";
  std::string regions = "us-east-1,us-west-2,eu-west-1";
  std::string access_key = "test";
  std::string secret_key = "test";
  std::string listen = "127.0.0.1:8000";
  std::string items_region = "us-east-1";
  std::string region;
  std::string a;
  std::string b;
  std::string amount;
  std::string direction;
  std::optional<int> owner;
  bool one_way = false;
  bool keep = false;
  bool json = false;

  Form form() const { return json ? Form::kJson : Form::kText; }
};

std::string AbsoluteState(const Options& options) {
  return std::filesystem::absolute(options.state).lexically_normal().string();
}

// --- up
// --------------------------------------------------------------------------------------------

base::Result<LabConfig> MakeConfig(const Options& options, ports::Files& files) {
  LabConfig config;
  config.state = AbsoluteState(options);
  const auto kept = LoadConfig(config.state, files);
  os::SystemRandom random;
  config.credentials.root = kept.ok() ? kept->credentials.root : random.Hex(64);
  config.internal_token = random.Hex(64);
  if (kept.ok()) config.first_block = kept->first_block;
  config.gateway = options.gateway;
  config.dns = options.dns;
  config.pace = options.pace == "aws" ? Pace::kAws : Pace::kFast;
  config.credentials.access_key = options.access_key;
  config.credentials.secret_key = options.secret_key;
  for (std::size_t start = 0; start <= options.regions.size();) {
    const auto end = std::min(options.regions.find(',', start), options.regions.size());
    const std::string region = options.regions.substr(start, end - start);
    if (region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos ||
        region.empty()) {
      return base::Invalid(fmt::format("'{}' is not a Region's name", region));
    }
    if (config.HasRegion(region)) return base::Invalid(fmt::format("{} is named twice", region));
    config.regions.push_back(region);
    start = end + 1;
  }
  if (config.regions.size() > kMaxRegions)
    return base::Invalid(fmt::format("a lab has at most {} Regions", kMaxRegions));
  for (const std::string& address : {config.gateway, config.dns}) {
    const auto parsed = os::Address::ParseHostPort(address);
    if (!parsed.ok()) return parsed.error();
  }
  return config;
}

base::Status MakeState(const LabConfig& config, ports::Files& files) {
  RETURN_IF_ERROR(files.MakeDirectories(config.File("logs")));
  // Root's engines run as another user, who must be able to walk through; nobody else may look.
  if (chmod(config.state.c_str(), geteuid() == 0 ? 0711 : 0700) != 0) {
    return base::Denied(fmt::format("{} belongs to another user", config.state));
  }
  if (geteuid() == 0 && !Traversable(config.state)) {
    return base::Invalid(
        fmt::format("{} is not open to the user that engines run as: use --state with a directory "
                    "that others may enter",
                    config.state));
  }
  return SaveConfig(config, files);
}

void PrintUp(const Value& status) {
  fmt::print("gateway  {}\ndns      {}\n", status.String("gateway"), status.String("dns"));
  for (const auto& [region, entry] : status.Sub("regions").members()) {
    fmt::print("{:<10} {:<16} {}  dynamodb {}\n", region, entry.String("network"),
               entry.String("api"), entry.String("dynamodb"));
  }
  fmt::print("\n");
}

void PrintEnv(const LabConfig& config) {
  fmt::print(
      "export AWS_ENDPOINT_URL=http://{}\nexport AWS_ACCESS_KEY_ID={}\nexport "
      "AWS_SECRET_ACCESS_KEY={}\n"
      "export AWS_REGION={}\nexport AWS_DEFAULT_REGION={}\nexport LEEWARD_RESOLVER={}\n",
      config.gateway, config.credentials.access_key, config.credentials.secret_key,
      config.regions.front(), config.regions.front(), config.dns);
  // Past the gateway there is one for each Region, so none may be set for all of a shell's
  // programs.
  for (const std::string& region : config.regions) {
    fmt::print("# {}, past the gateway: AWS_ENDPOINT_URL_DYNAMODB=http://{}:{}\n", region,
               config.ItemsAddress(region), kItemsPort);
  }
}

bool IsRunning(const LabConfig& config) {
  return LineCaller::Connect(config.AdminSocket(), kConnectLimit).ok();
}

// `owner`: a process descriptor, or -1.
base::Result<int> StartKeeper(const LabConfig& config, int owner) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return base::Exhausted("no sockets are left");
  os::ProcessSpec spec;
  spec.argv = {os::OwnProgram(), "__keeper", config.state};
  spec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                      {"LANG", "C.UTF-8"}};
  spec.output = config.Log("supervisor");
  spec.descriptors = {pair[1]};
  if (owner >= 0) {
    spec.argv.emplace_back("owned");
    spec.descriptors.push_back(owner);
  }
  spec.death_signal = 0;
  spec.session = os::ProcessSpec::Session::kOwn;
  const auto pid = os::StartProcess(spec);
  close(pair[1]);
  if (!pid.ok()) {
    close(pair[0]);
    return pid.error();
  }
  return pair[0];
}

// Waits until the lab's locks are free: its last process has ended.
base::Status WaitForEnd(const LabConfig& config) {
  os::SystemFiles files;
  const os::SystemClock clock;
  const auto deadline = clock.Monotonic() + kDownLimit;
  while (clock.Monotonic() < deadline) {
    const auto lock = files.OpenAppend(config.File("lock"));
    const auto keeper = files.OpenAppend(config.File(kKeeperLock));
    if (lock.ok() && keeper.ok()) return base::Ok();
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return base::ServiceBroken("the lab does not end: see " + config.Log("supervisor"));
}

enum class State { kFresh, kKept };

// What is in the way was in the way before: nothing of the attempt stays. Other failures leave
// their logs.
int UpFailed(const LabConfig& config, const Value& answer, State state) {
  const int code = static_cast<int>(answer.Int("exit", kFailed));
  if (state == State::kFresh && code == kCannotReach) {
    base::Status deleted = WaitForEnd(config);
    if (deleted.ok()) deleted = RemoveTree(config.state);
    if (!deleted.ok()) fmt::print(stderr, "leeward-lab: {}\n", deleted.error().message());
  }
  return Complain(code, answer.String("error"));
}

int Up(const Options& options) {
  os::SystemFiles files;
  auto config = MakeConfig(options, files);
  if (!config.ok()) return Complain(kBadUsage, config.error().message());
  if (IsRunning(*config)) {
    return Complain(
        kBadUsage,
        fmt::format(
            "a lab is already running with state {0}: `leeward-lab down --state {0}` ends it",
            config->state));
  }
  const State fresh =
      files.Exists(config->File("lab.json")).ok() && *files.Exists(config->File("lab.json"))
          ? State::kKept
          : State::kFresh;
  const int owner = options.owner ? os::OpenPidDescriptor(*options.owner) : -1;
  if (options.owner && owner < 0)
    return Complain(kBadUsage,
                    fmt::format("there is no process {} to own the lab", *options.owner));
  const base::Status made = MakeState(*config, files);
  if (!made.ok()) return Complain(kBadUsage, made.error().message());
  const auto socket = StartKeeper(*config, owner);
  if (!socket.ok()) return Complain(kFailed, socket.error().message());
  LineCaller caller(*socket);
  const auto answer = caller.Receive(kUpLimit);
  if (!answer.ok())
    return Complain(kFailed, fmt::format("the lab did not come up ({}): see {}",
                                         answer.error().message(), config->Log("supervisor")));
  if (answer->Has("error")) return UpFailed(*config, *answer, fresh);
  const auto actual = LoadConfig(config->state, files);
  if (options.form() == Form::kJson) {
    fmt::print("{}\n", shapes::ToJson(*answer));
  } else {
    PrintUp(*answer);
    if (actual.ok()) PrintEnv(*actual);
  }
  return 0;
}

// --- the other commands
// ----------------------------------------------------------------------------

base::Result<std::unique_ptr<LineCaller>> Reach(const Options& options) {
  const LabConfig config{.state = AbsoluteState(options)};
  auto caller = LineCaller::Connect(config.AdminSocket(), kConnectLimit);
  if (caller.ok()) return caller;
  return base::Unreachable(
      fmt::format("no lab is running with state {}: `leeward-lab up` starts one", config.state));
}

// Sends one command; prints what comes back.
int Command(const Options& options, const Value& request,
            const std::function<void(const Value&)>& print) {
  const auto caller = Reach(options);
  if (!caller.ok()) return Complain(kCannotReach, caller.error().message());
  const auto answer = (*caller)->Ask(request, kCommandLimit);
  if (!answer.ok()) return Complain(kFailed, answer.error().message());
  if (answer->Has("error")) {
    const bool usage = answer->String("code") == "not-found" || answer->String("code") == "invalid";
    return Complain(usage ? kBadUsage : kFailed, answer->String("error"));
  }
  if (options.form() == Form::kJson) {
    fmt::print("{}\n", shapes::ToJson(*answer));
  } else {
    print(*answer);
  }
  return 0;
}

int Kill(const Options& options) {
  return Command(options, Value::Struct({{"op", "kill"}, {"region", options.region}}),
                 [](const Value& answer) {
                   fmt::print("{} killed at {}: {} processes\n", answer.String("region"),
                              answer.String("at"), answer.Int("processes"));
                 });
}

int Dark(const Options& options) {
  return Command(options, Value::Struct({{"op", "dark"}, {"region", options.region}}),
                 [&](const Value&) { fmt::print("{} is dark\n", options.region); });
}

int Isolate(const Options& options) {
  const Value request = Value::Struct(
      {{"op", "isolate"}, {"a", options.a}, {"b", options.b}, {"one_way", options.one_way}});
  return Command(options, request, [&](const Value&) {
    fmt::print("nothing gets from {} to {}{}\n", options.a, options.b,
               options.one_way ? "" : ", nor back");
  });
}

int Slow(const Options& options) {
  const auto extra = base::ParseDuration(options.amount);
  if (!extra.ok()) return Complain(kBadUsage, extra.error().message());
  const Value request = Value::Struct({{"op", "slow"},
                                       {"a", options.a},
                                       {"b", options.b},
                                       {"extra_ns", static_cast<std::int64_t>(extra->count())}});
  return Command(options, request, [&](const Value&) {
    fmt::print("each way between {} and {} takes {} longer\n", options.a, options.b,
               base::HumanDuration(*extra));
  });
}

int ControlPlane(const Options& options) {
  const Value request = Value::Struct(
      {{"op", "control-plane"}, {"region", options.region}, {"down", options.direction == "down"}});
  return Command(options, request, [&](const Value&) {
    fmt::print("control plane of {} is {}\n", options.region, options.direction);
  });
}

int Clock(const Options& options) {
  const bool behind = options.amount.starts_with('-');
  const bool sign = behind || options.amount.starts_with('+');
  const auto amount = base::ParseDuration(options.amount.substr(sign ? 1 : 0));
  if (!amount.ok()) return Complain(kBadUsage, amount.error().message());
  const std::int64_t offset = behind ? -amount->count() : amount->count();
  return Command(
      options, Value::Struct({{"op", "clock"}, {"region", options.region}, {"offset_ns", offset}}),
      [&](const Value&) { fmt::print("clock of {} is {} off\n", options.region, options.amount); });
}

int Heal(const Options& options) {
  return Command(options, Value::Struct({{"op", "heal"}, {"region", options.region}}),
                 [&](const Value&) { fmt::print("{} healed\n", options.region); });
}

int Status(const Options& options) {
  return Command(options, Value::Struct({{"op", "status"}}), [](const Value& answer) {
    fmt::print("gateway {}  dns {}  pace {}  state {}\n", answer.String("gateway"),
               answer.String("dns"), answer.String("pace"), answer.String("state_dir"));
    for (const auto& [region, entry] : answer.Sub("regions").members()) {
      fmt::print("{:<12} {:<8} {:<14} control plane {:<5} clock {:+} ms\n", region,
                 entry.String("state"), entry.String("network"), entry.String("control_plane"),
                 entry.Int("clock_offset_ms"));
      for (const auto& [part, state] : entry.Sub("parts").members())
        fmt::print("{:<12} {}: {}\n", "", part, state.str());
    }
    for (const Value& cut : answer.Items("cuts"))
      fmt::print("cut: {} to {}\n", cut.String("from"), cut.String("to"));
    for (const Value& slow : answer.Items("slow"))
      fmt::print("slow: {} to {}: {} ms more\n", slow.String("from"), slow.String("to"),
                 slow.Int("extra_ms"));
    for (const Value& endpoint : answer.Items("endpoints")) {
      fmt::print(
          "{:<12} {:<22} {:<10} {}{}\n", endpoint.String("region"), endpoint.String("address"),
          endpoint.Flag("listening", false) ? "listening" : "closed", endpoint.String("name"),
          endpoint.String("problem").empty() ? ""
                                             : fmt::format(" ({})", endpoint.String("problem")));
    }
  });
}

int Logs(const Options& options) {
  const LabConfig config{.state = AbsoluteState(options)};
  os::SystemFiles files;
  constexpr std::uint64_t kMaxLog = 1u << 30;
  const auto text =
      files.Read(config.Log(options.region.empty() ? "supervisor" : options.region), kMaxLog);
  if (!text.ok()) {
    return Complain(kCannotReach,
                    fmt::format("no such log: {}; `leeward-lab up` starts a lab, `leeward-lab "
                                "status` names its Regions",
                                text.error().message()));
  }
  fmt::print("{}", *text);
  return 0;
}

int Env(const Options& options) {
  os::SystemFiles files;
  const auto config = LoadConfig(AbsoluteState(options), files);
  if (!config.ok())
    return Complain(kCannotReach, fmt::format("there is no lab in {}: `leeward-lab up` starts one",
                                              AbsoluteState(options)));
  PrintEnv(*config);
  return 0;
}

int Items(const Options& options) {
  const auto listen = os::Address::ParseHostPort(options.listen);
  if (!listen.ok()) return Complain(kBadUsage, listen.error().message());
  dynamo::ItemsOptions items;
  items.listen = *listen;
  items.directory = (std::filesystem::path(AbsoluteState(options)) / "tables").string();
  items.region = options.items_region;
  items.pace = options.pace == "aws" ? Pace::kAws : Pace::kFast;
  items.credentials.access_key = options.access_key;
  items.credentials.secret_key = options.secret_key;
  const base::Status ran = dynamo::RunItems(items, [&](const os::Address& address) {
    fmt::print("DynamoDB of {} answers at http://{} (key {}); its tables are in {}\n", items.region,
               address.ToString(), items.credentials.access_key, items.directory);
    fflush(stdout);
  });
  if (!ran.ok()) return Complain(kFailed, ran.error().message());
  return 0;
}

int Down(const Options& options) {
  const LabConfig config{.state = AbsoluteState(options)};
  os::SystemFiles files;
  const auto known = LoadConfig(config.state, files);
  auto caller = LineCaller::Connect(config.AdminSocket(), kConnectLimit);
  if (!caller.ok() && !known.ok()) {
    return Complain(kCannotReach, fmt::format("no lab is running with state {}", config.state));
  }
  if (caller.ok()) {
    const auto answer = (*caller)->Ask(Value::Struct({{"op", "down"}}), kCommandLimit);
    if (!answer.ok()) return Complain(kFailed, answer.error().message());
  }
  const base::Status ended = WaitForEnd(config);
  if (!ended.ok()) return Complain(kFailed, ended.error().message());
  if (!options.keep) {
    const base::Status deleted = RemoveTree(config.state);
    if (!deleted.ok()) return Complain(kFailed, deleted.error().message());
  }
  fmt::print("{}{}\n", caller.ok() ? "down" : "was not running",
             options.keep ? "; its state is kept" : "; its state is deleted");
  return 0;
}

// --- arguments
// -------------------------------------------------------------------------------------

struct Parser {
  CLI::App app{"A cloud of three Regions on one machine, which can be broken on purpose.",
               "leeward-lab"};
  Options options;
  std::function<int(const Options&)> chosen;

  CLI::App* Add(const char* name, const char* help, int (*run)(const Options&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--state", options.state, "the lab's directory")->capture_default_str();
    command->add_flag("--json", options.json, "answer as JSON");
    command->callback([this, run] { chosen = run; });
    return command;
  }
  void AddKeys(CLI::App* command) {
    command->add_option("--access-key", options.access_key, "the only access key it knows")
        ->capture_default_str();
    command->add_option("--secret-key", options.secret_key, "and its secret")
        ->capture_default_str();
    command->add_option("--pace", options.pace, "fast: as the engines can; aws: as AWS takes")
        ->check(CLI::IsMember({"fast", "aws"}))
        ->capture_default_str();
  }
  void AddItems() {
    CLI::App* items = Add("items", "one Region's DynamoDB alone, until it is told to end", Items);
    items->get_option("--state")->required();  // a lab's is no place for it
    items->add_option("--listen", options.listen, "HOST:PORT; port 0: a free one")
        ->capture_default_str();
    items->add_option("--region", options.items_region, "whose DynamoDB it is")
        ->capture_default_str();
    AddKeys(items);
  }
  void AddRegion(CLI::App* command) {
    command->add_option("region", options.region, "Region")->required();
  }
  void AddPair(CLI::App* command) {
    command->add_option("a", options.a, "Region, or outside")->required();
    command->add_option("b", options.b, "Region, or outside")->required();
  }

  Parser() {
    app.require_subcommand(1);
    CLI::App* up = Add("up", "start a lab; comes back when all of it answers", Up);
    up->add_option("--gateway", options.gateway,
                   "HOST:PORT of the AWS endpoint; port 0: a free one")
        ->capture_default_str();
    up->add_option("--dns", options.dns, "HOST:PORT of the DNS server; port 0: a free one")
        ->capture_default_str();
    up->add_option("--regions", options.regions, "the Regions, at most three")
        ->capture_default_str();
    AddKeys(up);
    up->add_option("--owner", options.owner,
                   "a process id: when it ends, so does the lab, and its state is deleted");
    AddRegion(Add("kill", "end everything in a Region at once; its addresses fall silent", Kill));
    AddRegion(Add("dark", "a Region lives but cannot be reached, nor reach", Dark));
    CLI::App* isolate = Add("isolate", "cut two Regions apart", Isolate);
    AddPair(isolate);
    isolate->add_flag("--one-way", options.one_way, "only what goes from A to B is lost");
    CLI::App* slow = Add("slow", "add a delay to each way between two Regions", Slow);
    AddPair(slow);
    slow->add_option("delay", options.amount, "such as 200ms")->required();
    CLI::App* plane =
        Add("control-plane", "a Region's AWS API fails (503) while what runs there goes on",
            ControlPlane);
    AddRegion(plane);
    plane->add_option("state", options.direction, "down or up")
        ->required()
        ->check(CLI::IsMember({"down", "up"}));
    CLI::App* clock = Add("clock", "set a Region's clock off by some amount", Clock);
    AddRegion(clock);
    clock->add_option("offset", options.amount, "such as +5s or -200ms")->required();
    Add("heal", "undo every fault of a Region, or of all", Heal)
        ->add_option("region", options.region, "Region or all")
        ->default_str("all");
    Add("status", "what is up, what is broken, what is published", Status);
    Add("logs", "a process's log", Logs)
        ->add_option("region", options.region, "Region, network, global; none: the supervisor");
    AddItems();
    Add("env", "lines for a shell that point AWS tools at the lab", Env);
    Add("down", "end the lab and delete its state", Down)
        ->add_flag("--keep", options.keep, "keep the state");
  }
};

std::optional<int> RunHidden(int argc, char** argv) {
  if (argc < 3) return std::nullopt;
  const std::string_view role = argv[1];
  if (role == "__keeper") return RunKeeper(argv[2], argc == 4 ? Owner::kDescriptor : Owner::kNone);
  if (role == "__supervisor") return RunSupervisor(argv[2]);
  if (role == "__network") return RunNetworkProcess(argv[2]);
  if (role == "__items") return dynamo::RunItemsProcess(argv[2]);
  if (role == "__place" && argc == 4) return RunPlaceProcess(argv[2], argv[3]);
  return std::nullopt;
}

}  // namespace

int RunCli(int argc, char** argv) {
  if (const auto code = RunHidden(argc, argv)) return *code;
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return parser.app.exit(error);
    return Complain(kBadUsage, fmt::format("{} (--help lists what there is)", error.what()));
  }
  if (parser.options.region.empty() && parser.app.got_subcommand("heal"))
    parser.options.region = "all";
  return parser.chosen(parser.options);
}

}  // namespace leeward::lab
