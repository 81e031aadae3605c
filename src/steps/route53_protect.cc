// Making traffic movable without any control plane: routing controls, health checks that read them,
// and failover records that follow the health checks. What is there is adopted by name; what is in
// the way is refused, never replaced.
#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "probe/dns.h"
#include "steps/ecs.h"
#include "steps/look.h"
#include "steps/route53.h"

namespace leeward::steps {
namespace {

constexpr char kConfig[] = "route53-recovery-control-config";
const Region& ConfigRegion() {  // where ARC's control plane lives
  static const Region kRegion("us-west-2");
  return kRegion;
}
const Region& DnsRegion() {  // where Route 53's control plane lives
  static const Region kRegion("us-east-1");
  return kRegion;
}

// One side of the switch.
struct Side {
  Region region;
  const char* failover;  // "PRIMARY" or "SECONDARY"
  std::string control;
  std::string health_check;
  LoadBalancer balancer;
};

std::string RuleName(const model::Application& application) {
  return application.name.str() + "-one-region-on";
}

std::string SetIdentifier(const Region& region) { return "leeward-" + region.str(); }

std::string Dotted(const std::string& name) { return name.ends_with('.') ? name : name + "."; }

// --- Routing controls
// ----------------------------------------------------------------------------------

Result<std::string> EnsureControl(const Work& work, const ControlPanel& panel,
                                  const std::map<std::string, std::string>& existing,
                                  const std::string& name) {
  std::string arn;
  if (const auto found = existing.find(name); found != existing.end()) {
    arn = found->second;
  } else {
    work.Say("creating routing control " + name);
    ASSIGN_OR_RETURN(const Value created,
                     work.Call(ConfigRegion(), kConfig, "CreateRoutingControl",
                               Value::Struct({{"ClusterArn", panel.cluster_arn},
                                              {"ControlPanelArn", panel.panel_arn},
                                              {"RoutingControlName", name}})));
    arn = created.Sub("RoutingControl").String("RoutingControlArn");
  }
  const auto deployed = work.Await<bool>(
      "routing control " + name, work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Value answer,
                         work.Call(ConfigRegion(), kConfig, "DescribeRoutingControl",
                                   Value::Struct({{"RoutingControlArn", arn}})));
        const bool is = answer.Sub("RoutingControl").String("Status") == "DEPLOYED";
        return is ? std::optional<bool>(true) : std::nullopt;
      });
  if (!deployed.ok()) return deployed.error();
  return arn;
}

bool AssertsOneOf(const Value& rule, const std::array<Side, 2>& sides) {
  const Value& config = rule.Sub("RuleConfig");
  const Value::List& controls = rule.Items("AssertedControls");
  return config.String("Type") == "ATLEAST" && config.Int("Threshold") == 1 &&
         !config.Flag("Inverted", false) && controls.size() == sides.size() &&
         std::all_of(sides.begin(), sides.end(), [&](const Side& side) {
           return std::find(controls.begin(), controls.end(), Value(side.control)) !=
                  controls.end();
         });
}

// Whether the rule is there. kWrongState: another has its name.
Result<bool> HasSafetyRule(const Work& work, const ControlPanel& panel,
                           const std::array<Side, 2>& sides) {
  const std::string name = RuleName(work.application());
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(ConfigRegion(), kConfig, "ListSafetyRules",
                              Value::Struct({{"ControlPanelArn", panel.panel_arn}})));
  for (const Value& rule : answer.Items("SafetyRules")) {
    const Value& assertion = rule.Sub("ASSERTION");
    if (AssertsOneOf(assertion, sides)) return true;
    if (assertion.String("Name") == name || rule.Sub("GATING").String("Name") == name) {
      return base::WrongState("safety rule '" + name +
                              "' exists and says something else; rename or delete it in ARC");
    }
  }
  return false;
}

// A rule that never lets the last control be turned off.
Status EnsureSafetyRule(const Work& work, const ControlPanel& panel,
                        const std::array<Side, 2>& sides) {
  ASSIGN_OR_RETURN(const bool there, HasSafetyRule(work, panel, sides));
  if (there) return base::Ok();
  const std::string name = RuleName(work.application());
  work.Say("creating safety rule " + name);
  // No waiting period: a switch whose answer was lost has to be possible again at once.
  const Value rule = Value::Struct(
      {{"Name", name},
       {"ControlPanelArn", panel.panel_arn},
       {"WaitPeriodMs", 0},
       {"AssertedControls", Value::List{sides[0].control, sides[1].control}},
       {"RuleConfig",
        Value::Struct({{"Inverted", false}, {"Threshold", 1}, {"Type", "ATLEAST"}})}});
  const auto created = work.Call(ConfigRegion(), kConfig, "CreateSafetyRule",
                                 Value::Struct({{"AssertionRule", rule}}));
  return created.ok() ? base::Ok() : Status(created.error());
}

AskOptions Asking(const Work& work) {
  return {
      .operation = "", .last = Region(), .deadline = work.context().deadline, .cancelled = [&work] {
        return work.Cancelled();
      }};
}

// The controls to switch so that traffic goes to the active Region; kWrongState when it is switched
// elsewhere.
Result<std::map<std::string, std::string>> ToSwitchOn(const Work& work, const ControlPanel& panel,
                                                      const std::array<Side, 2>& sides) {
  ASSIGN_OR_RETURN(const std::string active, work.Parameter("active-region"));
  std::map<std::string, std::string> wanted;
  for (const Side& side : sides) {
    ASSIGN_OR_RETURN(const std::string state,
                     ControlState(work.shared(), panel.endpoints, side.control, Asking(work)));
    if (state == "On" && side.region.str() != active) {
      return base::WrongState("traffic is switched to " + side.region.str() +
                              ", but the application is active in " + active +
                              "; use `leeward failback` or turn the routing control by hand");
    }
    if (state != "On" && side.region.str() == active) wanted[side.control] = "On";
  }
  return wanted;
}

// Turns the active Region's control on when none is. Never moves traffic that is switched already.
Status EnsureSwitchedOn(const Work& work, const ControlPanel& panel,
                        const std::array<Side, 2>& sides) {
  ASSIGN_OR_RETURN(const auto wanted, ToSwitchOn(work, panel, sides));
  if (wanted.empty()) return base::Ok();
  const auto set = SetControls(work.shared(), panel.endpoints, wanted, Asking(work));
  return set.ok() ? base::Ok() : Status(set.error());
}

// --- Health checks
// -------------------------------------------------------------------------------------

// The id of the control's health check; empty when there is none.
Result<std::string> FindHealthCheck(const Value::List& existing, const Side& side) {
  for (const Value& check : existing) {
    const Value& config = check.Sub("HealthCheckConfig");
    if (config.String("Type") != "RECOVERY_CONTROL" ||
        config.String("RoutingControlArn") != side.control) {
      continue;
    }
    if (config.Flag("Inverted", false) || config.Flag("Disabled", false)) {
      return base::WrongState(
          "health check " + std::string(check.String("Id")) +
          " of the routing control is inverted or disabled; put it right in Route 53");
    }
    return std::string(check.String("Id"));
  }
  return std::string();
}

Result<std::string> EnsureHealthCheck(const Work& work, const Value::List& existing,
                                      const Side& side) {
  ASSIGN_OR_RETURN(std::string found, FindHealthCheck(existing, side));
  if (!found.empty()) return found;
  // At most 64 characters, and the same in every run, so that a check is never made twice.
  const std::string reference = "leeward-" + base::Sha256Hex(side.control).substr(0, 40);
  const Value config =
      Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", side.control}});
  ASSIGN_OR_RETURN(
      const Value created,
      work.Call(DnsRegion(), "route53", "CreateHealthCheck",
                Value::Struct({{"CallerReference", reference}, {"HealthCheckConfig", config}})));
  return std::string(created.Sub("HealthCheck").String("Id"));
}

// --- Records
// -------------------------------------------------------------------------------------------

// The hosted zone that holds the name: the longest public one.
Result<std::string> FindZone(const Work& work, const std::string& name) {
  std::string suffix = Dotted(name);
  while (!suffix.empty() && suffix != ".") {
    ASSIGN_OR_RETURN(const Value answer, work.Call(DnsRegion(), "route53", "ListHostedZonesByName",
                                                   Value::Struct({{"DNSName", suffix}})));
    for (const Value& zone : answer.Items("HostedZones")) {
      if (zone.String("Name") == suffix && !zone.Sub("Config").Flag("PrivateZone", false)) {
        const std::string_view id = zone.String("Id");
        return std::string(id.substr(id.rfind('/') + 1));
      }
    }
    suffix = suffix.substr(suffix.find('.') + 1);
  }
  return base::NotFound("no public hosted zone holds " + name + "; create it in Route 53");
}

Value WantedRecord(const model::Route53& route53, const Side& side) {
  Value record = Value::Struct({{"Name", Dotted(route53.name)},
                                {"Type", "A"},
                                {"SetIdentifier", SetIdentifier(side.region)},
                                {"Failover", side.failover}});
  if (probe::IsLiteralAddress(side.balancer.dns_name)) {
    record.Set("TTL", static_cast<std::int64_t>(
                          std::chrono::duration_cast<std::chrono::seconds>(route53.ttl).count()));
    record.Set("ResourceRecords", Value::List{Value::Struct({{"Value", side.balancer.dns_name}})});
  } else {
    record.Set("AliasTarget", Value::Struct({{"HostedZoneId", side.balancer.zone_id},
                                             {"DNSName", Dotted(side.balancer.dns_name)},
                                             {"EvaluateTargetHealth", true}}));
  }
  record.Set("HealthCheckId", side.health_check);
  return record;
}

bool SameRecord(const Value& wanted, const Value& there) {
  for (const auto& [name, value] : wanted.members()) {
    if (there.Sub(name) != value) return false;
  }
  return true;
}

// The zone's records of that name. They are listed from there to the zone's end, which may be
// thousands of records away.
Result<Value::List> RecordsOf(const Work& work, const std::string& zone, const std::string& name) {
  Value::List records;
  Value input = Value::Struct({{"HostedZoneId", zone}, {"StartRecordName", name}});
  while (true) {
    ASSIGN_OR_RETURN(const Value page,
                     work.Call(DnsRegion(), "route53", "ListResourceRecordSets", input));
    for (const Value& record : page.Items("ResourceRecordSets")) {
      if (record.String("Name") == name) records.push_back(record);
    }
    if (!page.Flag("IsTruncated", false) || page.String("NextRecordName") != name) return records;
    input.Set("StartRecordType", page.String("NextRecordType"));
    const std::string_view next = page.String("NextRecordIdentifier");
    if (!next.empty()) input.Set("StartRecordIdentifier", next);
  }
}

// The records to write. kWrongState when the name is taken by records that are not these.
Result<Value::List> Changes(const Work& work, const model::Route53& route53,
                            const std::string& zone, const std::array<Side, 2>& sides) {
  const std::string name = Dotted(route53.name);
  ASSIGN_OR_RETURN(const Value::List records, RecordsOf(work, zone, name));
  std::array<bool, 2> right{};
  for (const Value& record : records) {
    const std::string_view type = record.String("Type");
    if (type != "A" && type != "AAAA" && type != "CNAME") continue;
    bool ours = false;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      if (type != "A" || record.String("SetIdentifier") != SetIdentifier(sides[i].region)) continue;
      ours = true;
      right[i] = SameRecord(WantedRecord(route53, sides[i]), record);
    }
    if (ours) continue;
    return base::WrongState("record " + route53.name + " " + std::string(type) +
                            " is there already and is not one of Leeward's failover records, which "
                            "cannot stand beside it; "
                            "delete it in Route 53, then run `leeward protect` again");
  }
  Value::List changes;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    if (right[i]) continue;
    changes.push_back(Value::Struct(
        {{"Action", "UPSERT"}, {"ResourceRecordSet", WantedRecord(route53, sides[i])}}));
  }
  return changes;
}

Status ChangeRecords(const Work& work, const std::string& zone, Value::List changes) {
  if (changes.empty()) return base::Ok();
  work.Say("writing " + std::to_string(changes.size()) + " records");
  const Value batch = Value::Struct({{"Changes", std::move(changes)}});
  ASSIGN_OR_RETURN(const Value changed,
                   work.Call(DnsRegion(), "route53", "ChangeResourceRecordSets",
                             Value::Struct({{"HostedZoneId", zone}, {"ChangeBatch", batch}})));
  const std::string_view path = changed.Sub("ChangeInfo").String("Id");
  const std::string id(path.substr(path.rfind('/') + 1));
  const auto in_sync = work.Await<bool>(
      "the records to reach all name servers", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Value answer, work.Call(DnsRegion(), "route53", "GetChange",
                                                       Value::Struct({{"Id", id}})));
        const bool is = answer.Sub("ChangeInfo").String("Status") == "INSYNC";
        return is ? std::optional<bool>(true) : std::nullopt;
      });
  return in_sync.ok() ? base::Ok() : Status(in_sync.error());
}

Status EnsureHealthChecks(const Work& work, std::array<Side, 2>& sides) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(DnsRegion(), "route53", "ListHealthChecks", Value::Struct()));
  for (Side& side : sides) {
    ASSIGN_OR_RETURN(side.health_check,
                     EnsureHealthCheck(work, answer.Items("HealthChecks"), side));
  }
  return base::Ok();
}

// What the controls' side of the switch lacks, as words for "would".
Result<std::vector<std::string>> Lacking(const Work& work, const ControlPanel& panel,
                                         std::array<Side, 2>& sides) {
  std::vector<std::string> lacking;
  ASSIGN_OR_RETURN(const auto wanted, ToSwitchOn(work, panel, sides));
  if (!wanted.empty()) lacking.emplace_back("turn the active Region's routing control on");
  ASSIGN_OR_RETURN(const bool rule, HasSafetyRule(work, panel, sides));
  if (!rule) lacking.push_back("create safety rule " + RuleName(work.application()));
  ASSIGN_OR_RETURN(const Value checks,
                   work.Pages(DnsRegion(), "route53", "ListHealthChecks", Value::Struct()));
  for (Side& side : sides) {
    ASSIGN_OR_RETURN(side.health_check, FindHealthCheck(checks.Items("HealthChecks"), side));
    if (side.health_check.empty())
      lacking.push_back("create a health check for " + side.region.str());
  }
  return lacking;
}

std::array<Side, 2> BothSides(const model::Regions& regions) {
  return {Side{regions.home, "PRIMARY", "", "", {}},
          Side{regions.recovery, "SECONDARY", "", "", {}}};
}

// What is there before anything is made; the controls of the sides are not filled in.
struct Ground {
  std::array<Side, 2> sides;
  std::string zone;
  ControlPanel panel;
};

Result<Ground> FindGround(const Work& work, const model::Route53& route53) {
  Ground ground{BothSides(work.application().regions), "", {}};
  ASSIGN_OR_RETURN(ground.zone, FindZone(work, route53.name));
  for (Side& side : ground.sides) {
    ASSIGN_OR_RETURN(side.balancer, FindLoadBalancer(work, side.region, route53.load_balancer));
  }
  ASSIGN_OR_RETURN(ground.panel, FindControlPanel(work, route53));
  return ground;
}

}  // namespace

Result<Finding> LookAtRoute53Protect(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  ASSIGN_OR_RETURN(Ground ground, FindGround(work, *route53));
  auto& [sides, zone, panel] = ground;
  ASSIGN_OR_RETURN(const auto existing, RoutingControls(work, panel));
  std::vector<std::string> would;
  for (Side& side : sides) {
    const std::string name = ControlName(work.application(), side.region);
    const auto found = existing.find(name);
    if (found == existing.end()) would.push_back("create routing control " + name);
    if (found != existing.end()) side.control = found->second;
  }
  // A rule and health checks are of controls that are there.
  if (would.empty()) {
    ASSIGN_OR_RETURN(would, Lacking(work, panel, sides));
  } else {
    would.emplace_back("create what hangs on it");
  }
  ASSIGN_OR_RETURN(const Value::List changes, Changes(work, *route53, zone, sides));
  if (!changes.empty()) would.push_back("write " + std::to_string(changes.size()) + " records");
  if (would.empty()) return Nothing(route53->name + " follows its routing controls already");
  std::string text = "would ";
  for (const std::string& one : would) text += (text == "would " ? "" : ", ") + one;
  return Act(text);
}

std::string ControlName(const model::Application& application, const Region& region) {
  return application.name.str() + "-" + region.str();
}

Result<ControlPanel> FindControlPanel(const Work& work, const model::Route53& route53) {
  ASSIGN_OR_RETURN(const Value panels,
                   work.Pages(ConfigRegion(), kConfig, "ListControlPanels", Value::Struct()));
  for (const Value& panel : panels.Items("ControlPanels")) {
    if (panel.String("Name") != route53.control_panel) continue;
    if (panel.String("Status") != "DEPLOYED") {
      return base::ServiceBroken("control panel '" + route53.control_panel + "' is " +
                                 std::string(panel.String("Status")));
    }
    ControlPanel found{
        std::string(panel.String("ClusterArn")), std::string(panel.String("ControlPanelArn")), {}};
    ASSIGN_OR_RETURN(const Value cluster,
                     work.Call(ConfigRegion(), kConfig, "DescribeCluster",
                               Value::Struct({{"ClusterArn", found.cluster_arn}})));
    for (const Value& endpoint : cluster.Sub("Cluster").Items("ClusterEndpoints")) {
      found.endpoints.push_back({Region(std::string(endpoint.String("Region"))),
                                 std::string(endpoint.String("Endpoint"))});
    }
    return found;
  }
  return base::NotFound(
      "there is no ARC control panel '" + route53.control_panel +
      "'; create it in a cluster (which is billed by the hour) and run this again");
}

Result<std::map<std::string, std::string>> RoutingControls(const Work& work,
                                                           const ControlPanel& panel) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(ConfigRegion(), kConfig, "ListRoutingControls",
                              Value::Struct({{"ControlPanelArn", panel.panel_arn}})));
  std::map<std::string, std::string> controls;
  for (const Value& control : answer.Items("RoutingControls")) {
    if (control.String("Status") == "PENDING_DELETION") continue;
    controls[std::string(control.String("Name"))] = control.String("RoutingControlArn");
  }
  return controls;
}

Result<StepOutcome> Route53Protect(const Work& work) {
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  // Everything that can be wrong with what is there comes before anything is made.
  ASSIGN_OR_RETURN(Ground ground, FindGround(work, *route53));
  auto& [sides, zone, panel] = ground;
  const auto conflicts = Changes(work, *route53, zone, sides);
  if (!conflicts.ok()) return conflicts.error();

  ASSIGN_OR_RETURN(const auto existing, RoutingControls(work, panel));
  for (Side& side : sides) {
    ASSIGN_OR_RETURN(side.control, EnsureControl(work, panel, existing,
                                                 ControlName(work.application(), side.region)));
  }
  RETURN_IF_ERROR(EnsureSwitchedOn(work, panel, sides));
  RETURN_IF_ERROR(EnsureSafetyRule(work, panel, sides));
  RETURN_IF_ERROR(EnsureHealthChecks(work, sides));
  ASSIGN_OR_RETURN(Value::List changes, Changes(work, *route53, zone, sides));
  const std::size_t changed = changes.size();
  RETURN_IF_ERROR(ChangeRecords(work, zone, std::move(changes)));

  StepOutcome done;
  done.detail = route53->name + " follows routing controls of " + sides[0].region.str() + " and " +
                sides[1].region.str() + (changed == 0 ? "; it did already" : "");
  done.outputs["zone"] = zone;
  for (const Side& side : sides) done.outputs["control." + side.region.str()] = side.control;
  return done;
}

}  // namespace leeward::steps
