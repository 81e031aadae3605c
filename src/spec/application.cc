#include "spec/application.h"

#include <algorithm>
#include <cstdlib>

#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Application;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kApiVersion[] = "leeward/v1";
constexpr int kMaxChecks = 100;
constexpr int kMaxReads = 100;

Field<Application> ApiVersionField() {
  return {{"apiVersion", Need::kRequired, WordShape({kApiVersion}), kApiVersion},
          [](Context& context, const YAML::Node& node, const std::string& name, Application&) {
            std::string version;
            context.Word(node, name, {kApiVersion}, &version);
          }};
}

Field<Application> NameField() {
  return {{"application", Need::kRequired, TextShape(kName), "the application's name"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             Application& application) {
            std::string text;
            if (context.Text(node, name, kName, &text))
              application.name = model::ApplicationName(text);
          }};
}

std::vector<Field<model::Regions>> RegionsFields() {
  using model::Regions;
  return {RegionField("home", &Regions::home, Need::kRequired,
                      "where the application lives on a good day"),
          RegionField("recovery", &Regions::recovery, Need::kRequired,
                      "where it goes when home is lost"),
          RegionField("witness", &Regions::witness, Need::kOptional,
                      "a third Region that watches and votes")};
}

std::vector<Field<model::Objectives>> ObjectivesFields() {
  using model::Objectives;
  return {TimeField("rto", &Objectives::rto, {seconds(1), hours(24 * 30)}, Need::kRequired,
                    "time without service that is acceptable, such as 15m"),
          TimeField("rpo", &Objectives::rpo, {seconds(0), hours(24 * 30)}, Need::kRequired,
                    "age of the oldest write that may be lost, such as 5s")};
}

Field<Application> ComponentsField() {
  Shape shape;
  shape.type = Shape::Type::kComponents;
  return {{"components", Need::kRequired, shape, "what the application is made of, by name"},
          [](Context& context, const YAML::Node& node, const std::string&,
             Application& application) { ReadComponents(context, node, application); }};
}

std::vector<Field<model::Detection>> DetectionFields() {
  using model::Detection;
  return {TimeField("probe-every", &Detection::probe_every, {milliseconds(100), minutes(1)},
                    Need::kOptional, "default: 500ms"),
          TimeField("probe-timeout", &Detection::probe_timeout, {milliseconds(50), minutes(1)},
                    Need::kOptional, "never longer than probe-every; default: probe-every"),
          IntegerField("failures", &Detection::failures, {1, 20}, Need::kOptional,
                       "consecutive failures until a target is down; default: 3"),
          IntegerField("quorum", &Detection::quorum, {1, 7}, Need::kOptional,
                       "views that must agree; default: 2 with a witness Region, 1 without"),
          DownWhenField()};
}

std::vector<std::string> Listed(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// "sqlite:FILE", "etcd:URL,URL" or "dynamodb:TABLE@REGION,REGION": the text's form is checked
// before.
model::SharedStorePlace SharedStoreOf(const std::string& text) {
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon), rest = text.substr(colon + 1);
  model::SharedStorePlace place;
  if (kind == "sqlite") {
    place.path = rest;
  } else if (kind == "etcd") {
    place.kind = model::SharedStoreKind::kEtcd;
    place.endpoints = Listed(rest);
  } else {
    place.kind = model::SharedStoreKind::kDynamoDb;
    const auto at = rest.find('@');
    place.table = rest.substr(0, at);
    for (std::string& region : Listed(rest.substr(at + 1))) {
      place.replicas.emplace_back(std::move(region));
    }
  }
  return place;
}

Field<model::Failover> SharedStoreField() {
  return {{"store", Need::kOptional, TextShape(kSharedStore),
           "where the writer lease is kept; default: there is none"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             model::Failover& failover) {
            std::string text;
            if (context.Text(node, name, kSharedStore, &text)) failover.store = SharedStoreOf(text);
          }};
}

std::vector<Field<model::ApprovalTerms>> ApprovalFields() {
  using model::ApprovalTerms;
  return {IntegerField("people", &ApprovalTerms::people, {1, 2}, Need::kOptional,
                       "how many different people must approve; default: 1"),
          TimeField("within", &ApprovalTerms::within, {seconds(1), std::chrono::hours(24)},
                    Need::kRequired, "what is not approved by then is refused")};
}

std::vector<Field<model::Failover>> FailoverFields() {
  using model::Failover;
  return {WordField("mode", &Failover::mode, model::AllOf<model::FailoverMode>(), Need::kOptional,
                    "who starts a failover; default: manual"),
          WordField("when-loss-over-rpo", &Failover::when_loss_over_rpo,
                    model::AllOf<model::OverRpo>(), Need::kOptional, "default: ask"),
          ObjectField("approval", &Failover::approval, ApprovalFields(), Need::kOptional,
                      "who must agree to an automatic failover, and to a loss over the RPO"),
          TimeField("lease", &Failover::lease, {milliseconds(500), minutes(5)}, Need::kOptional,
                    "how long the right to write lives without renewal; default: 2s"),
          SharedStoreField()};
}

// "POST /orders" into a method and a path.
Field<model::Workload> RequestField(const char* key, std::string model::Workload::*method,
                                    std::string model::Workload::*path, const char* help) {
  return {{key, Need::kRequired, TextShape(kRequestLine), help},
          [=](Context& context, const YAML::Node& node, const std::string& name,
              model::Workload& workload) {
            std::string text;
            if (!context.Text(node, name, kRequestLine, &text)) return;
            const auto space = text.find(' ');
            workload.*method = text.substr(0, space);
            workload.*path = text.substr(space + 1);
          }};
}

// carts: GET /carts/{id}
Field<model::Workload> ReadsField() {
  return {{"reads", Need::kOptional, MapShape(kName, TextShape(kRequestLine), kMaxReads),
           "by store: how to look for a write in it, such as GET /carts/{id}; default: `read` "
           "tells of all stores"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             model::Workload& workload) {
            if (!context.Mapping(node, name)) return;
            for (const auto& entry : node) {
              std::string store, text;
              if (!context.Text(entry.first, "a key of " + name, kName, &store)) continue;
              if (!context.Text(entry.second, NameOf(store, "'reads'"), kRequestLine, &text))
                continue;
              const auto space = text.find(' ');
              workload.reads[model::ComponentName(store)] = {text.substr(0, space),
                                                             text.substr(space + 1)};
            }
          }};
}

template <typename Load>
Field<Load> RateField(double Load::*rate, const char* help) {
  return {{"rate", Need::kRequired, TextShape(kRate), help},
          [rate](Context& context, const YAML::Node& node, const std::string& name, Load& load) {
            std::string text;
            if (context.Text(node, name, kRate, &text))
              load.*rate = std::strtod(text.c_str(), nullptr);
          }};
}

std::vector<Field<model::SessionLoad>> SessionLoadFields() {
  using model::SessionLoad;
  return {
      WordField("mode", &SessionLoad::mode, model::AllOf<model::SessionMode>(), Need::kRequired,
                "how `leeward session` keeps them"),
      {{"store", Need::kOptional, TextShape(kName),
        "the cache or the table that they, or keys and revocations, are in; none for sync"},
       [](Context& context, const YAML::Node& node, const std::string& name, SessionLoad& load) {
         std::string text;
         if (context.Text(node, name, kName, &text)) load.store = model::ComponentName(text);
       }},
      RateField(&SessionLoad::rate, "requests per second, such as 500/s")};
}

// - { mode: redis, store: sessions, rate: 500/s }
Field<model::Workload> SessionsField() {
  const auto most = static_cast<std::int64_t>(model::AllOf<model::SessionMode>().size());
  return {{"sessions", Need::kOptional, ListShape(ObjectShape(InfoOf(SessionLoadFields())), most),
           "session traffic beside it, to a `leeward session` in each Region; default: none"},
          [most](Context& context, const YAML::Node& node, const std::string& name,
                 model::Workload& workload) {
            if (!context.List(node, name, most)) return;
            for (const YAML::Node& entry : node) {
              model::SessionLoad load;
              ReadFields(context, entry,
                         "session load " + std::to_string(workload.sessions.size() + 1),
                         SessionLoadFields(), load);
              workload.sessions.push_back(std::move(load));
            }
          }};
}

std::vector<Field<model::Workload>> WorkloadFields() {
  using model::Workload;
  return {
      TextField("url", &Workload::url, kUrl, Need::kRequired,
                "where clients reach the application"),
      RequestField("write", &Workload::write_method, &Workload::write_path, "such as POST /orders"),
      RequestField("read", &Workload::read_method, &Workload::read_path,
                   "such as GET /orders/{id}"),
      ReadsField(),
      RateField(&Workload::rate, "writes per second, such as 200/s"),
      SessionsField(),
  };
}

std::vector<Field<model::DataCheck>> CheckFields() {
  using model::DataCheck;
  return {TextField("name", &DataCheck::name, kAnyText, Need::kRequired, "what is checked"),
          {{"component", Need::kRequired, TextShape(kName), "the store it is asked of"},
           [](Context& context, const YAML::Node& node, const std::string& name, DataCheck& check) {
             std::string text;
             if (context.Text(node, name, kName, &text))
               check.component = model::ComponentName(text);
           }},
          TextField("sql", &DataCheck::sql, kAnyText, Need::kRequired,
                    "a query that answers one true or false")};
}

Field<Application> ChecksField() {
  return {{"checks", Need::kOptional, ListShape(ObjectShape(InfoOf(CheckFields())), kMaxChecks),
           "statements that must be true in the recovered data"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             Application& application) {
            if (!context.List(node, name, kMaxChecks)) return;
            for (const YAML::Node& entry : node) {
              model::DataCheck check;
              ReadFields(context, entry, "check " + std::to_string(application.checks.size() + 1),
                         CheckFields(), check);
              application.checks.push_back(std::move(check));
            }
          }};
}

model::Recovery RecoveryBy(model::Pattern pattern) {
  return pattern == model::Pattern::kBackupAndRestore ? model::Recovery::kRestore
                                                      : model::Recovery::kReplica;
}

void FillBackup(model::Backed& backup, const Application& application) {
  if (backup.recovery == model::Recovery::kByPattern)
    backup.recovery = RecoveryBy(application.pattern);
  if (backup.vault.empty()) backup.vault = "leeward-" + application.name.str();
  if (backup.role.empty()) backup.role = "service-role/AWSBackupDefaultServiceRole";
}

void FillComponent(model::Component& component, const Application& application) {
  const auto fill = [](std::string* text, const std::string& fallback) {
    if (text->empty()) *text = fallback;
  };
  if (auto* rds = std::get_if<model::Rds>(&component.kind)) {
    fill(&rds->instance, component.name.str());
    if (rds->recovery == model::Recovery::kByPattern)
      rds->recovery = RecoveryBy(application.pattern);
  }
  if (auto* dynamodb = std::get_if<model::Dynamodb>(&component.kind)) {
    fill(&dynamodb->table, component.name.str());
    FillBackup(dynamodb->backup, application);
  }
  if (auto* cache = std::get_if<model::Elasticache>(&component.kind)) {
    fill(&cache->replication_group, component.name.str());
    fill(&cache->datastore, cache->replication_group);
  }
  if (auto* efs = std::get_if<model::Efs>(&component.kind)) {
    fill(&efs->file_system, component.name.str());
    FillBackup(efs->backup, application);
  }
  if (auto* synced = std::get_if<model::DataSync>(&component.kind))
    fill(&synced->file_system, component.name.str());
  if (auto* ebs = std::get_if<model::Ebs>(&component.kind)) {
    fill(&ebs->tag, "leeward:volumes=" + component.name.str());
    if (ebs->every.count() == 0)
      ebs->every = std::max<base::Duration>(component.rpo.value_or(application.objectives.rpo) / 2,
                                            std::chrono::minutes(1));
  }
  if (auto* secret = std::get_if<model::Secret>(&component.kind))
    fill(&secret->secret, component.name.str());
  if (auto* kms = std::get_if<model::Kms>(&component.kind))
    fill(&kms->key, "alias/" + component.name.str());
  if (auto* ecs = std::get_if<model::Ecs>(&component.kind)) {
    fill(&ecs->cluster, application.name.str());
    fill(&ecs->service, component.name.str());
    fill(&ecs->target_group, ecs->load_balancer);
  }
  if (auto* route53 = std::get_if<model::Route53>(&component.kind)) {
    fill(&route53->control_panel, application.name.str());
    if (route53->ttl.count() == 0) route53->ttl = seconds(10);
  }
}

}  // namespace

const std::vector<Field<Application>>& ApplicationFields() {
  static const std::vector<Field<Application>> kFields = {
      ApiVersionField(),
      NameField(),
      ObjectField("regions", &Application::regions, RegionsFields(), Need::kRequired,
                  "home and recovery"),
      ObjectField("objectives", &Application::objectives, ObjectivesFields(), Need::kRequired,
                  "rto and rpo"),
      WordField("pattern", &Application::pattern,
                {model::Pattern::kWarmStandby, model::Pattern::kBackupAndRestore}, Need::kOptional,
                "default: warm-standby"),
      ComponentsField(),
      ObjectField("detection", &Application::detection, DetectionFields(), Need::kOptional,
                  "how a Region is found to be lost"),
      ObjectField("failover", &Application::failover, FailoverFields(), Need::kOptional,
                  "what may happen then"),
      ObjectField("guard", &Application::guard, GuardFields(), Need::kOptional,
                  "what guards do besides opening and closing"),
      ObjectField("workload", &Application::workload, WorkloadFields(), Need::kOptional,
                  "the load of a drill"),
      ChecksField(),
      ReferencesField(),
      SagasField(),
      ObjectField(
          "lab", &Application::lab,
          std::vector<Field<model::LabStage>>{TextField(
              "stage", &model::LabStage::file, kFilePath, Need::kRequired,
              "file with the AWS calls that put the home Region in place, relative to the spec")},
          Need::kOptional, "only for drills in a lab"),
  };
  return kFields;
}

void FillDefaults(Application& application) {
  model::Detection& detection = application.detection;
  if (detection.probe_every.count() == 0) detection.probe_every = milliseconds(500);
  if (detection.probe_timeout.count() == 0) detection.probe_timeout = detection.probe_every;
  if (detection.quorum == 0) detection.quorum = application.regions.witness.empty() ? 1 : 2;
  if (application.failover.lease.count() == 0) application.failover.lease = seconds(2);
  for (model::Component& component : application.components) FillComponent(component, application);
  FillReferences(application);
}

}  // namespace leeward::spec
