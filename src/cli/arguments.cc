#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "cli/exit_code.h"

namespace leeward::cli {
namespace {

constexpr char kAbout[] =
    "Leeward keeps a stateful application on AWS alive when a Region is lost.\n"
    "First steps: leeward validate SPEC, leeward plan failover SPEC, leeward drill SPEC --lab";
constexpr char kServeListen[] = "127.0.0.1:7433";
constexpr char kSessionListen[] = "127.0.0.1:7434";
constexpr char kCodes[] =
    "Exit codes: 0 done, 1 failed, 2 bad usage or spec, 3 refused by a gate, 4 cannot reach what "
    "it needs.";

// CLI11's part of one run: the options write into `arguments`.
class Parser {
 public:
  Parser();
  std::variant<Arguments, Leave> Parse(int argc, const char* const* argv);

 private:
  CLI::App* Add(CLI::App* under, Command command, const char* name, const char* about);
  void AddSpec(CLI::App* command, const char* about = "the application's spec file");
  void AddState(CLI::App* command);
  void AddResolver(CLI::App* command);
  void AddJson(CLI::App* command);
  void AddDuration(CLI::App* command, const char* name, std::optional<base::Duration>* value,
                   const char* about);
  void AddAction(Command command, const char* name, const char* about);
  void AddReading();
  void AddRepairs();
  void AddDrill();
  void AddForecast();
  void AddGuard();
  void AddObserve();
  void AddServe();
  void AddSession();
  void AddSessionTerms(CLI::App* session);

  CLI::App app_{kAbout, "leeward"};
  Arguments arguments_;
};

CLI::App* Parser::Add(CLI::App* under, Command command, const char* name, const char* about) {
  CLI::App* added = under->add_subcommand(name, about);
  added->callback([this, command] { arguments_.command = command; });
  return added;
}

void Parser::AddSpec(CLI::App* command, const char* about) {
  command->add_option("SPEC", arguments_.spec, about)->required();
}

void Parser::AddState(CLI::App* command) {
  command->add_option(
      "--state", arguments_.state,
      "directory of inventory and journal (default: ~/.local/state/leeward/APPLICATION)");
}

void Parser::AddResolver(CLI::App* command) {
  command
      ->add_option("--resolver", arguments_.resolver,
                   "HOST:PORT of the DNS server to ask (default: the system's)")
      ->envname("LEEWARD_RESOLVER");
}

void Parser::AddJson(CLI::App* command) {
  command->add_flag("--json", arguments_.json, "answer in JSON (docs/formats/cli.md)");
}

void Parser::AddDuration(CLI::App* command, const char* name, std::optional<base::Duration>* value,
                         const char* about) {
  command
      ->add_option_function<std::string>(
          name,
          [name, value](const std::string& text) {
            base::Result<base::Duration> duration = base::ParseDuration(text);
            if (!duration.ok()) throw CLI::ValidationError(name, duration.error().message());
            *value = *duration;
          },
          about)
      ->type_name("DURATION");
}

void Parser::AddAction(Command command, const char* name, const char* about) {
  CLI::App* added = Add(&app_, command, name, about);
  AddSpec(added);
  AddState(added);
  AddResolver(added);
  AddJson(added);
  added->add_flag("--dry-run", arguments_.dry_run,
                  "look at what each step would do, and change nothing");
  added->add_flag("--yes", arguments_.yes, "do not ask before starting");
  if (command == Command::kProtect || command == Command::kCallOff) return;
  added->add_option("--to", arguments_.to, "Region to move to (default: the other one)");
  if (command == Command::kFailback) {
    added->add_option("--forgo-late-writes", arguments_.forgo_late_writes,
                      "\"NAME: REASON\": the journal that says what the old Region alone holds is "
                      "lost; that is kept, and not listed");
  }
  if (command != Command::kFailover) return;
  AddDuration(added, "--accept-loss", &arguments_.accept_loss,
              "accept to lose writes up to this age, such as 30s");
  added->add_option("--override-fence", arguments_.override_fence,
                    "\"NAME: REASON\": you vouch that the old Region writes no more");
}

void Parser::AddReading() {
  AddSpec(Add(&app_, Command::kValidate, "validate", "check a spec; every mistake at once"));
  Add(&app_, Command::kSchema, "schema", "print the JSON Schema of a spec");
  CLI::App* plan =
      Add(&app_, Command::kPlan, "plan", "show what an action would do; changes nothing");
  plan->add_option("ACTION", arguments_.action, "protect, failover, switchover or failback")
      ->required()
      ->check(CLI::IsMember({"protect", "failover", "switchover", "failback"}));
  AddSpec(plan);
  AddState(plan);
  plan->add_option("--format", arguments_.format, "text, json or dot")
      ->check(CLI::IsMember({"text", "json", "dot"}));
  CLI::App* status =
      Add(&app_, Command::kStatus, "status", "roles, replication and verdicts at a glance");
  AddSpec(status);
  AddState(status);
  AddResolver(status);
  AddJson(status);
  status->add_flag("--watch", arguments_.watch, "again every second, until stopped");
  CLI::App* journal = app_.add_subcommand("journal", "the record of what was decided and done");
  journal->require_subcommand(1);
  CLI::App* verify =
      Add(journal, Command::kJournalVerify, "verify", "check the chain of a journal");
  AddSpec(verify, "a spec, or a journal's file");
  AddState(verify);
  CLI::Option* hash =
      verify->add_option("--hash", arguments_.hash, "find this record's SHA-256 (hex) in it");
  verify
      ->add_option("--report", arguments_.quoted_by,
                   "find the hash that this report (HTML, JSON or text) quotes")
      ->excludes(hash);
  CLI::App* abandon = Add(&app_, Command::kAbandon, "abandon",
                          "give up what was begun and has not ended; changes nothing else");
  AddSpec(abandon);
  AddState(abandon);
  abandon->add_option("--by", arguments_.by, "\"NAME: REASON\": who gives it up, and why")
      ->required();
  CLI::App* approve = Add(&app_, Command::kApprove, "approve",
                          "agree, as one person, to what an execution waits for");
  AddSpec(approve);
  AddState(approve);
  approve->add_option("--by", arguments_.by, "\"NAME: REASON\": who approves, and why")->required();
  approve->add_option("--execution", arguments_.execution, "only this execution");
  CLI::App* report = Add(&app_, Command::kReport, "report", "what the last execution did and cost");
  AddSpec(report);
  AddState(report);
  AddJson(report);
  report->add_option("--html", arguments_.report, "write the report to this file");
  CLI::App* late = Add(&app_, Command::kLateWrites, "late-writes",
                       "list what only the lost writer holds since a failover");
  AddSpec(late);
  AddState(late);
  AddResolver(late);
  AddJson(late);
  late->add_option("--export", arguments_.export_file, "write every row to this file, a line each");
  Add(&app_, Command::kVersion, "version", "print the version");
}

void Parser::AddRepairs() {
  CLI::App* repair = Add(&app_, Command::kRepairList, "repair-list",
                         "list what rows name beyond the last failover's recovery line");
  AddSpec(repair);
  AddState(repair);
  AddJson(repair);
  CLI::App* compensate =
      Add(&app_, Command::kCompensate, "compensate",
          "run the spec's sagas for what is missing by the repair list, each once");
  AddSpec(compensate);
  AddState(compensate);
  AddJson(compensate);
  compensate->add_flag("--yes", arguments_.yes, "do not ask before starting");
  compensate->add_option("--settled", arguments_.settled,
                         "\"NAME: REASON\": a person has seen to the one that is in the way");
}

void Parser::AddDrill() {
  CLI::App* stage =
      Add(&app_, Command::kStage, "stage", "put the spec's example application in place in a lab");
  AddSpec(stage);
  stage->add_flag("--yes", arguments_.yes, "also on AWS itself");
  CLI::App* drill = Add(&app_, Command::kDrill, "drill",
                        "load, fault, failover, measurement, failback, clean-up");
  AddSpec(drill);
  AddJson(drill);
  drill->add_flag("--lab", arguments_.lab, "in a private lab on this machine");
  AddState(drill);
  drill->add_option("--lab-state", arguments_.lab_state,
                    "directory of that lab (default: a temporary one)");
  drill->add_option("--fault", arguments_.fault, "region-loss")
      ->check(CLI::IsMember({"region-loss"}));
  drill->add_option("--report", arguments_.report,
                    "write a self-contained HTML report to this file");
  drill->add_flag("--keep", arguments_.keep, "leave the lab running at the end");
  drill->add_flag("--no-failback", arguments_.no_failback, "end after the failover");
  drill->add_option("--rate", arguments_.rate, "writes per second (default: the spec's)")
      ->check(CLI::Range(1.0, 10000.0));
}

void Parser::AddForecast() {
  constexpr int kMostRuns = 1'000'000;
  CLI::App* forecast = Add(&app_, Command::kForecast, "forecast",
                           "what a loss of the Region would cost, by what earlier drills measured");
  AddSpec(forecast);
  AddState(forecast);
  AddJson(forecast);
  forecast->add_option("--fault", arguments_.fault, "region-loss")
      ->check(CLI::IsMember({"region-loss"}));
  forecast->add_option("--runs", arguments_.runs, "rehearsals (default: 10000)")
      ->check(CLI::Range(1, kMostRuns));
  forecast->add_option("--seed", arguments_.seed, "of chance: the same gives the same forecast");
  forecast->add_option("--from", arguments_.from,
                       "documents of `leeward drill --json` (default: the drills' journals in "
                       "--state)");
}

void Parser::AddGuard() {
  CLI::App* guard = Add(&app_, Command::kGuard, "guard",
                        "hold a Region's writes open only while it holds the lease");
  AddSpec(guard);
  AddState(guard);
  AddResolver(guard);
  guard->add_option("--region", arguments_.region, "the Region it stands in")->required();
  guard->add_option("--listen", arguments_.listen, "HOST:PORT of GET /writable")->required();
}

void Parser::AddObserve() {
  CLI::App* observe =
      Add(&app_, Command::kObserve, "observe", "watch from one Region and publish what is seen");
  AddSpec(observe);
  AddState(observe);
  AddResolver(observe);
  observe->add_flag("--json", arguments_.json, "print each published view (docs/formats/view.md)");
  observe->add_option("--region", arguments_.region, "the Region it stands in")->required();
  observe->add_option("--source", arguments_.source,
                      "local address to ask from (default: the system's choice)");
}

void Parser::AddServe() {
  CLI::App* serve = Add(&app_, Command::kServe, "serve",
                        "the daemon: watch, decide, and fail over where the spec says so");
  serve->add_option("SPEC", arguments_.specs, "the applications' spec files")->required();
  AddState(serve);
  AddResolver(serve);
  arguments_.listen = kServeListen;
  serve->add_option("--listen", arguments_.listen, "HOST:PORT of the HTTP API")
      ->capture_default_str();
  serve->add_option("--token-file", arguments_.token_file,
                    "file with the API's token, mode 600 (default: $LEEWARD_API_TOKEN)");
}

void Parser::AddSession() {
  SessionArguments& into = arguments_.session;
  CLI::App* session =
      Add(&app_, Command::kSession, "session",
          "the session service: make, read, change and revoke sessions beside the application");
  AddSpec(session);
  AddResolver(session);
  session->add_option("--region", arguments_.region, "the Region it stands in")->required();
  session->add_option("--mode", into.mode, "redis, dynamodb, sync or tokens (docs/sessions.md)")
      ->required()
      ->check(CLI::IsMember({"redis", "dynamodb", "sync", "tokens"}));
  into.listen = kSessionListen;
  session->add_option("--listen", into.listen, "HOST:PORT of the application's HTTP API")
      ->capture_default_str();
  session->add_option("--token-file", arguments_.token_file,
                      "file with the application's token, mode 600 (default: "
                      "$LEEWARD_SESSION_TOKEN; none on loopback)");
  session->add_option("--redis", into.redis, "HOST:PORT of this Region's Redis");
  session->add_option("--redis-other", into.redis_other,
                      "HOST:PORT of the other Region's, for changes while this one follows it");
  session->add_option("--table", into.table, "the DynamoDB table, with the keys PK and SK");
  session->add_option("--peer-listen", into.peer_listen,
                      "HOST:PORT at which the other Regions' services reach this one");
  session->add_option("--peer", into.peers, "http://HOST:PORT of another Region's service");
  session->add_option("--secret-file", into.secret_file,
                      "file with the secret that the services share, mode 600 (default: "
                      "$LEEWARD_SESSION_SECRET)");
  session->add_option("--source", arguments_.source,
                      "local address to ask from (default: the system's choice)");
  AddSessionTerms(session);
}

void Parser::AddSessionTerms(CLI::App* session) {
  SessionArguments& into = arguments_.session;
  AddDuration(session, "--idle", &into.idle, "that a session lives untouched (default: 30m)");
  AddDuration(session, "--life", &into.life, "that it lives at most (default: 12h)");
  AddDuration(session, "--skew", &into.skew, "that clocks may be apart (default: 5s)");
  session->add_option("--algorithm", into.algorithm, "of tokens: EdDSA or ES256")
      ->check(CLI::IsMember({"EdDSA", "ES256"}))
      ->capture_default_str();
  session->add_option("--audience", into.audience, "of tokens (default: the application's name)");
  AddDuration(session, "--rotate", &into.rotate, "between new keys (default: 30d)");
  AddDuration(session, "--lead", &into.lead,
              "from a key's publication to its first signature (default: 5m)");
}

Parser::Parser() {
  app_.require_subcommand(1);
  app_.footer(kCodes);
  AddReading();
  AddRepairs();
  AddAction(Command::kProtect, "protect", "make replication and standby so");
  AddAction(Command::kFailover, "failover", "move to the other Region because this one is lost");
  AddAction(Command::kSwitchover, "switchover",
            "move to the other Region, both alive, nothing lost");
  AddAction(Command::kFailback, "failback", "bring the application home again");
  AddAction(Command::kCallOff, "call-off",
            "end a switchover or failback that was begun; back to where it was");
  AddDrill();
  AddForecast();
  AddGuard();
  AddObserve();
  AddServe();
  AddSession();
}

std::variant<Arguments, Leave> Parser::Parse(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
    return arguments_;
  } catch (const CLI::Success& help) {
    std::ostringstream out, err;
    app_.exit(help, out, err);
    return Leave{kDone, out.str(), err.str()};
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    for (char& c : what) {
      if (c == '\n') c = ' ';
    }
    return Leave{kBadUsage, "", "leeward: " + what + "; `leeward --help` lists what there is\n"};
  }
}

}  // namespace

std::variant<Arguments, Leave> ParseArguments(int argc, const char* const* argv) {
  return Parser().Parse(argc, argv);
}

}  // namespace leeward::cli
