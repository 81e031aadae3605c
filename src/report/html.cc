// The report as one HTML file with nothing outside it.
#include <fmt/format.h>

#include "model/names.h"
#include "report/charts.h"
#include "report/parts.h"
#include "report/style.h"
#include "report/svg.h"

namespace leeward::report {
namespace {

std::string Section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : "<section>\n<h2>" + Escape(title) + "</h2>\n" + body + "</section>\n";
}

std::string Chip(Verdict verdict) {
  return fmt::format("<span class=\"chip {0}\">{0}</span>", Name(verdict));
}

std::string Figure(const std::string& value, const std::string& note) {
  return "<div class=\"figure\"><b>" + Escape(value) + "</b><span>" + Escape(note) +
         "</span></div>\n";
}

std::string Cell(const std::string& text) { return "<td>" + Escape(text) + "</td>"; }
std::string NumberCell(const std::string& text) {
  return "<td class=\"n\">" + Escape(text) + "</td>";
}

std::string Table(const std::vector<std::string>& heads, const std::string& rows) {
  std::string head;
  for (const std::string& one : heads) {
    // "#name" heads a column of numbers.
    const bool number = one.starts_with('#');
    head += number ? "<th class=\"n\">" + Escape(one.substr(1)) + "</th>"
                   : "<th>" + Escape(one) + "</th>";
  }
  return "<div class=\"scroll\"><table><tr>" + head + "</tr>\n" + rows + "</table></div>\n";
}

std::string Scroll(const std::string& drawing) {
  return "<div class=\"scroll\">" + drawing + "</div>\n";
}

std::string KeyEntry(const std::string& css_class, const std::string& text) {
  return "<span><svg viewBox=\"0 0 10 10\"><rect width=\"10\" height=\"10\" class=\"" + css_class +
         "\"/></svg>" + Escape(text) + "</span>\n";
}

std::string Header(const Report& report) {
  std::string what = report.application.name.str();
  if (report.fault) what += ": " + report.fault_name + " of " + report.fault_region.str();
  std::string when = report.fault ? "fault at " + base::FormatIso8601(*report.fault) : "";
  const auto& regions = report.application.regions;
  when += (when.empty() ? "" : "; ") + std::string("home ") + regions.home.str() + ", recovery " +
          regions.recovery.str() +
          (regions.witness.empty() ? "" : ", witness " + regions.witness.str());
  return "<header><h1>" + Escape(what) + "</h1>" + Chip(report.verdict) + "<p>" + Escape(when) +
         "</p></header>\n";
}

std::string Figures(const Report& report) {
  std::string figures;
  if (report.rto) {
    figures += Figure(
        base::HumanDuration(report.rto->total),
        "without service; objective " + base::HumanDuration(report.application.objectives.rto));
  }
  if (report.rpo) {
    const Rpo& rpo = *report.rpo;
    figures += Figure(std::to_string(rpo.lost),
                      "lost of " + std::to_string(rpo.acknowledged) + " acknowledged writes");
    figures += Figure(
        base::HumanDuration(rpo.lost_span),
        "of writes lost; objective " + base::HumanDuration(report.application.objectives.rpo));
    figures += Figure(rpo.bound ? base::HumanDuration(*rpo.bound) : "none",
                      "loss bound stated before promotion");
  }
  for (const Sessions& one : report.sessions) {
    figures += Figure(SharePercent(one), "of sessions by " + one.mode + " survived");
  }
  if (report.failback) {
    figures +=
        Figure(std::to_string(report.failback->lost),
               "lost of " + std::to_string(report.failback->acknowledged) + " in the failback; " +
                   base::HumanDuration(report.failback->unavailable) + " without a write");
  }
  return "<div class=\"figures\">\n" + figures + "</div>\n";
}

std::string Problems(const Report& report) {
  std::string list;
  for (const std::string& problem : report.problems) list += "<li>" + Escape(problem) + "</li>\n";
  return list.empty() ? "" : "<ul class=\"problems\">\n" + list + "</ul>\n";
}

std::string Rto(const Report& report) {
  if (!report.rto) return {};
  const RtoSplit& rto = *report.rto;
  std::string key;
  const std::tuple<const char*, const char*, base::Duration> parts[] = {
      {"detect", "detect", rto.detect},
      {"decide", "decide", rto.decide},
      {"fence", "fence", rto.fence},
      {"promote", "promote", rto.promote},
      {"scale", "scale", rto.scale},
      {"traffic", "traffic", rto.traffic},
      {"client-tail", "client tail", rto.client_tail}};
  for (const auto& [css, name, part] : parts) {
    key +=
        KeyEntry(std::string("phase-") + css, std::string(name) + " " + base::HumanDuration(part));
  }
  // Within the promotion, beside each other.
  for (const auto& [store, took] : rto.restores)
    key += KeyEntry("phase-promote", "restore of " + store.str() + " " + base::HumanDuration(took));
  return Scroll(RtoBar(rto)) + "<div class=\"key\">" + key + "</div>\n";
}

std::string Writes(const Report& report) {
  if (report.load.buckets.empty()) return {};
  const std::string key = "<div class=\"key\">" + KeyEntry("acknowledged", "acknowledged") +
                          KeyEntry("failed", "failed") +
                          KeyEntry("lost", "acknowledged, then lost") +
                          KeyEntry("outage", "without service") + "</div>\n";
  std::string charts;
  if (report.fault)
    charts += "<h3>around the fault</h3>\n" + Scroll(WritesChart(report, AroundOutage(report)));
  charts += "<h3>all of it</h3>\n" + Scroll(WritesChart(report, WholeLoad(report)));
  return key + charts;
}

std::string Timeline(const Report& report) {
  std::string charts;
  for (const ExecutionSummary& execution : report.executions) {
    charts += "<h3>" +
              Escape(fmt::format("{}: {} → {}, {}, {}", model::Name(execution.action),
                                 execution.from.str(), execution.to.str(),
                                 base::HumanDuration(execution.ended - execution.began),
                                 execution.outcome)) +
              "</h3>\n" + Scroll(TimelineChart(report, execution));
  }
  if (charts.empty()) return {};
  std::string key;
  for (model::Phase phase : model::AllOf<model::Phase>()) {
    const std::string name(model::Name(phase));
    key += KeyEntry("phase-" + name, name);
  }
  return "<div class=\"key\">" + key + "</div>\n" + charts;
}

std::string Objectives(const Report& report) {
  std::string rows;
  for (const Objective& objective : report.objectives) {
    rows += "<tr>" + Cell(objective.name) + Cell(objective.required) + Cell(objective.measured) +
            "<td class=\"" + std::string(Name(objective.verdict)) + "\"><b>" +
            std::string(Name(objective.verdict)) + "</b></td></tr>\n";
  }
  return rows.empty() ? "" : Table({"what", "required", "measured", ""}, rows);
}

std::string Components(const Report& report) {
  std::string rows;
  const std::string unknown = "not measured";
  for (const auto& [name, store] : report.components) {
    const std::optional<Rpo>& writes = store.writes;
    rows += "<tr>" + Cell(name.str()) +
            NumberCell(writes ? std::to_string(writes->acknowledged) : unknown) +
            NumberCell(writes ? std::to_string(writes->lost) : unknown) +
            NumberCell(writes ? base::HumanDuration(writes->lost_span) : unknown) +
            NumberCell(store.bound ? base::HumanDuration(*store.bound) : "none") + "</tr>\n";
  }
  return rows.empty() ? ""
                      : Table({"component", "#acknowledged", "#lost", "#lost, as time",
                               "#bound stated before"},
                              rows);
}

std::string SessionTable(const Report& report) {
  std::string rows;
  for (const Sessions& one : report.sessions) {
    const std::string stayed = fmt::format("{} of {}", one.still_revoked, one.revoked);
    rows += "<tr>" + Cell(one.mode) + NumberCell(SharePercent(one)) +
            NumberCell(std::to_string(one.rate)) + NumberCell(std::to_string(one.live)) +
            NumberCell(std::to_string(one.survived)) + NumberCell(std::to_string(one.lost)) +
            NumberCell(base::HumanDuration(one.lost_span)) + NumberCell(std::to_string(one.stale)) +
            NumberCell(std::to_string(one.unknown)) + NumberCell(stayed) + "</tr>\n";
  }
  return rows.empty()
             ? ""
             : Table({"kept by", "#share", "#requests/s", "#live", "#survived", "#lost",
                      "#lost, as time", "#with an older change", "#no answer", "#stayed revoked"},
                     rows);
}

std::string CallsOf(const model::Step& step) {
  std::string calls;
  for (const model::AwsCall& call : step.calls) {
    calls += (calls.empty() ? "" : ", ") + call.service + " " + call.operation;
  }
  return calls.empty() ? "–" : calls;
}

std::string ControlPlanesOf(const model::Step& step) {
  std::string planes;
  for (const model::AwsCall& call : step.calls) {
    if (call.control_plane.empty() || planes.find(call.control_plane.str()) != std::string::npos)
      continue;
    planes += (planes.empty() ? "" : ", ") + call.control_plane.str();
  }
  return planes.empty() ? "none" : planes;
}

std::string PlanTable(const Report& report) {
  std::string rows;
  std::map<model::StepId, std::size_t> number;
  for (const model::Step& step : report.plan.steps) {
    number.emplace(step.id, number.size() + 1);
    std::string after;
    for (const model::StepId& before : step.after) {
      after += (after.empty() ? "" : ", ") + std::to_string(number.at(before));
    }
    rows += "<tr>" + NumberCell(std::to_string(number.at(step.id))) + Cell(step.id.str()) +
            Cell(step.region.str()) + Cell(CallsOf(step)) + Cell(ControlPlanesOf(step)) +
            Cell(after.empty() ? "–" : after) + Cell(step.reason) +
            Cell(step.undo.empty() ? "it cannot be taken back" : step.undo) + "</tr>\n";
  }
  if (rows.empty()) return {};
  const std::string why =
      report.plan.reason.empty() ? "" : "<p>" + Escape(report.plan.reason) + "</p>\n";
  return why +
         Table({"", "step", "acts in", "AWS operations", "control plane", "after", "why", "undo"},
               rows);
}

std::string ChainTable(const Report& report) {
  if (!report.chain) return {};
  std::string rows;
  for (const ChainLink& link : report.chain->links) {
    rows +=
        "<tr>" + Cell(link.step.str()) + NumberCell(base::HumanDuration(link.ended - link.began)) +
        NumberCell(base::HumanDuration(link.ended - report.chain->links.front().began)) + "</tr>\n";
  }
  return "<p>" +
         Escape("The failover took " + base::HumanDuration(report.chain->length) +
                " up to the switch of its traffic, as long as these steps; one after another all "
                "would have taken " +
                base::HumanDuration(report.chain->in_turn) + ".") +
         "</p>\n" + Table({"step", "#took", "#done after"}, rows);
}

std::string LineTable(const Consistency& consistency) {
  const model::RecoveryLine& line = consistency.line;
  std::string rows;
  for (const model::RecoveryPoint& point : line.points) {
    rows += "<tr>" + Cell(point.store.str()) +
            Cell(point.at ? base::FormatIso8601(*point.at) : "unknown") +
            Cell(point.store == line.store ? "the recovery line" : "") + "</tr>\n";
  }
  return Table({"store", "has everything up to", ""}, rows);
}

std::string ReferenceTable(const Consistency& consistency) {
  std::string rows;
  for (const model::ReferenceCounts& counts : consistency.references) {
    rows += "<tr>" + Cell(counts.name) + Cell(counts.from.str() + " → " + counts.to.str());
    for (const std::int64_t number :
         {counts.rows, counts.there, counts.missing, counts.unverified, counts.listed})
      rows += NumberCell(std::to_string(number));
    rows += Cell(counts.problem) + "</tr>\n";
  }
  return rows.empty() ? ""
                      : Table({"reference", "stores", "#rows", "#there", "#missing",
                               "#not verified", "#listed", ""},
                              rows);
}

std::string ConsistencySection(const Report& report) {
  if (!report.consistency || report.consistency->line.points.size() < 2) return {};
  const Consistency& consistency = *report.consistency;
  std::string text = LineTable(consistency) + ReferenceTable(consistency);
  if (consistency.list.empty()) return text;
  text += "<p>" + std::to_string(consistency.entries) + " in the repair list <code>" +
          Escape(consistency.list) + "</code>" +
          (consistency.complete ? "" : ", which is not complete") + "; nothing was deleted</p>\n";
  std::string rows;
  for (const model::RepairEntry& entry : consistency.first) {
    rows += "<tr>" + Cell(entry.reference) + Cell(entry.names) +
            Cell(std::string(Name(entry.found))) + Cell(std::string(Name(entry.place))) +
            Cell(entry.at ? base::FormatIso8601(*entry.at) : "") + "</tr>\n";
  }
  if (!rows.empty()) text += Table({"the first of it", "names", "is", "the line", "written"}, rows);
  return text;
}

std::string Configuration(const Report& report) {
  return report.spec_text.empty() ? "" : "<pre>" + Escape(report.spec_text) + "</pre>\n";
}

std::string Journal(const Report& report) {
  if (report.journal_last_hash.empty()) return {};
  return "<p>" + std::to_string(report.journal_records) +
         " records; the last one's SHA-256 vouches for all before it:</p>\n<p><code>" +
         Escape(report.journal_last_hash) +
         "</code></p>\n<p>Check it with <code>leeward journal verify " +
         Escape(report.journal_path) + " --hash " + Escape(report.journal_last_hash) +
         "</code></p>\n";
}

}  // namespace

std::string ToHtml(const Report& report) {
  const std::string title = report.application.name.str() + " – Leeward report";
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'\">\n"
         "<title>" +
         Escape(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n" +
         Header(report) + Problems(report) + Figures(report) +
         Section("Time without service", Rto(report)) +
         Section("Acknowledged writes", Writes(report)) + Section("Steps", Timeline(report)) +
         Section("Objectives", Objectives(report)) +
         Section("Loss by component", Components(report)) +
         Section("Consistency across stores", ConsistencySection(report)) +
         Section("Sessions", SessionTable(report)) + Section("Longest chain", ChainTable(report)) +
         Section("Plan of the failover", PlanTable(report)) +
         Section("Configuration", Configuration(report)) + Section("Journal", Journal(report)) +
         "<footer>Made by Leeward.</footer>\n</body>\n</html>\n";
}

}  // namespace leeward::report
