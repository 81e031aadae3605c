// serve: the daemon. Watches applications by their observers' views, decides, and fails over where
// the spec leaves it to it.
#include <fmt/format.h>

#include <set>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/keeper.h"
#include "cli/project.h"
#include "cli/secret_file.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "os/event_loop.h"
#include "os/files.h"
#include "os/http_server.h"
#include "os/notify.h"

namespace leeward::cli {
namespace {

constexpr char kTokenVariable[] = "LEEWARD_API_TOKEN";
constexpr std::size_t kMaxSpecs = 64;
constexpr std::size_t kMaxHead = 8192;
constexpr std::size_t kMaxConnections = 64;
constexpr base::Duration kIdle = std::chrono::seconds(15);

class Served : public serve::Backend {
 public:
  base::Status Add(const Arguments& arguments, const std::string& spec) {
    Arguments one = arguments;
    one.spec = spec;
    os::SystemFiles files;
    ASSIGN_OR_RETURN(Project project, OpenProject(files, one));
    const std::string name = project.application.name.str();
    // One directory holds one application's state.
    if (!arguments.state.empty() && arguments.specs.size() > 1) project.state += "/" + name;
    if (keepers_.contains(name)) return base::Invalid(name + " is named twice");
    const auto say = [name](const std::string& line) {
      Emit("{}: {}\n", name, Printable(line));
      std::fflush(stdout);
    };
    ASSIGN_OR_RETURN(keepers_[name], Keeper::Make(std::move(project), arguments.resolver, say));
    return base::Ok();
  }

  std::vector<serve::Status> All() const override {
    std::vector<serve::Status> all;
    for (const auto& [name, keeper] : keepers_) all.push_back(keeper->Now());
    return all;
  }
  base::Result<serve::Status> StatusOf(const std::string& application) const override {
    ASSIGN_OR_RETURN(const Keeper* keeper, Find(application));
    return keeper->Now();
  }
  base::Result<std::string> Plan(const std::string& application) const override {
    ASSIGN_OR_RETURN(const Keeper* keeper, Find(application));
    return keeper->PlanNow();
  }
  base::Status Start(const std::string& application, const serve::Order& order) override {
    ASSIGN_OR_RETURN(Keeper * keeper, Find(application));
    return keeper->Start(order);
  }
  base::Status Abort(const std::string& application) override {
    ASSIGN_OR_RETURN(Keeper * keeper, Find(application));
    return keeper->Abort();
  }
  base::Result<decide::ApprovalRequest> Approve(const std::string& application,
                                                const serve::Approval& approval) override {
    ASSIGN_OR_RETURN(Keeper * keeper, Find(application));
    return keeper->Approve(approval);
  }
  std::string Sickness() const override {
    for (const auto& [name, keeper] : keepers_) {
      std::string sickness = keeper->Sickness();
      if (!sickness.empty()) return sickness;
    }
    return "";
  }

 private:
  base::Result<Keeper*> Find(const std::string& application) const {
    const auto found = keepers_.find(application);
    if (found != keepers_.end()) return found->second.get();
    return base::NotFound("there is no application of that name here");
  }

  std::map<std::string, std::unique_ptr<Keeper>> keepers_;
};

void Answer(os::HttpExchange& exchange, const serve::Api& api) {
  const os::HttpServerRequest& request = exchange.request();
  exchange.Reply(
      api.Answer({request.method, request.target, request.Header("Authorization"), request.body}));
}

base::Status Serve(const Arguments& arguments, std::stop_token stop) {
  os::SystemFiles files;
  if (arguments.specs.size() > kMaxSpecs) {
    return base::Exhausted(fmt::format("one daemon serves {} applications", kMaxSpecs));
  }
  ASSIGN_OR_RETURN(const os::Address listen, os::Address::ParseHostPort(arguments.listen));
  // Empty where none is given: then the API serves nobody.
  ASSIGN_OR_RETURN(const std::string token,
                   ReadSecret({arguments.token_file, kTokenVariable, serve::kMinToken}, files));
  os::EventLoop loop;
  Served served;
  const serve::Api api(token, served);
  os::HttpServerOptions options;
  options.max_head = kMaxHead;
  options.max_body = serve::kMaxApiBody;
  options.max_connections = kMaxConnections;
  options.idle = kIdle;
  ASSIGN_OR_RETURN(
      const auto server,
      os::HttpServer::Start(
          loop, listen, [&](std::shared_ptr<os::HttpExchange> each) { Answer(*each, api); },
          options));
  // Not before: a daemon that cannot be asked anything moves nothing.
  for (const std::string& spec : arguments.specs) RETURN_IF_ERROR(served.Add(arguments, spec));
  Emit("serving {} applications: http://{}/{}\n", arguments.specs.size(),
       server->address().ToString(), token.empty() ? "; the API is off: no token" : "");
  std::fflush(stdout);
  RETURN_IF_ERROR(os::NotifyServiceManager("READY=1"));
  const std::stop_callback ends(stop, [&loop] { loop.Stop(); });
  loop.Run();
  return os::NotifyServiceManager("STOPPING=1");
}

}  // namespace

int RunServe(const Arguments& arguments) {
  const StopSignals signals;
  const base::Status served = Serve(arguments, signals.token());
  if (served.ok()) return kDone;
  return AlreadyTold(served.error()) ? ExitCodeFor(served.error().code())
                                     : Complain(served.error());
}

}  // namespace leeward::cli
