// The report as a table for terminals.
#include <fmt/format.h>

#include <algorithm>

#include "model/names.h"
#include "report/parts.h"

namespace leeward::report {
namespace {

constexpr int kWidth = 78;
constexpr int kBarWidth = 40;
constexpr int kChainShare = 50;            // links shorter than one part in so many are left out
constexpr std::size_t kFewComponents = 3;  // with so few there is hardly anything to run beside

class Printer {
 public:
  explicit Printer(Colour colour) : colour_(colour) {}

  void Line(const std::string& text = "") { out_ += text + "\n"; }
  void Rule() {
    for (int i = 0; i < kWidth; ++i) out_ += "─";
    Line();
  }
  // " name          value   note"
  void Row(const std::string& name, const std::string& value, const std::string& note = "") {
    std::string line = fmt::format(" {:<22} {:>12}   {}", name, value, note);
    line.erase(line.find_last_not_of(' ') + 1);
    Line(line);
  }
  std::string Verdict(report::Verdict verdict) const {
    std::string name(Name(verdict));
    if (colour_ == Colour::kNo) return name;
    const char* code = verdict == report::Verdict::kPass   ? "32"
                       : verdict == report::Verdict::kFail ? "31"
                                                           : "33";
    return fmt::format("\x1b[1;{}m{}\x1b[0m", code, name);
  }
  std::string Take() { return std::move(out_); }

 private:
  Colour colour_;
  std::string out_;
};

std::string Bar(base::Duration part, base::Duration total) {
  if (total.count() <= 0 || part.count() <= 0) return {};
  static const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = std::max<std::int64_t>(1, part.count() * kBarWidth * 8 / total.count());
  std::string bar;
  for (std::int64_t i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

// 12034 → "12 034"
std::string Grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), " ");
  }
  return digits;
}

// Without control characters: a row may name anything.
std::string Printed(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
  }
  return text;
}

void PrintRto(const RtoSplit& rto, Printer& out) {
  out.Row("time without service", base::HumanDuration(rto.total));
  const std::pair<const char*, base::Duration> parts[] = {
      {"detect", rto.detect},          {"decide", rto.decide}, {"fence", rto.fence},
      {"promote", rto.promote},        {"scale", rto.scale},   {"traffic", rto.traffic},
      {"client tail", rto.client_tail}};
  for (const auto& [name, part] : parts) {
    out.Row(std::string("  ") + name, base::HumanDuration(part), Bar(part, rto.total));
  }
  for (const auto& [store, took] : rto.restores)
    out.Row("  restore of " + store.str(), base::HumanDuration(took), Bar(took, rto.total));
}

// How many stores have a count of their own.
std::size_t Counted(const Report& report) {
  return static_cast<std::size_t>(
      std::count_if(report.components.begin(), report.components.end(),
                    [](const auto& store) { return store.second.writes.has_value(); }));
}

void PrintStores(const Report& report, Printer& out) {
  if (Counted(report) < 2) return;
  for (const auto& [name, store] : report.components) {
    if (!store.writes) continue;
    const Rpo& writes = *store.writes;
    std::string note = "of " + Grouped(writes.acknowledged);
    if (writes.lost > 0)
      note += "; the oldest " + base::HumanDuration(writes.lost_span) + " before the fault";
    out.Row("  lost of " + name.str(), Grouped(writes.lost), note);
  }
}

// "measure 12 ms → gate.loss 1 ms → ...", the steps without their components where that is clear.
void PrintChain(const Chain& chain, Printer& out) {
  out.Row("longest chain", base::HumanDuration(chain.length),
          "of steps; one after another all would take " + base::HumanDuration(chain.in_turn));
  for (const ChainLink& link : chain.links) {
    const base::Duration took = link.ended - link.began;
    if (took * kChainShare < chain.length) continue;  // too short to matter
    out.Row("  " + link.step.str(), base::HumanDuration(took), Bar(took, chain.length));
  }
}

void PrintRpo(const Report& report, Printer& out) {
  const Rpo& rpo = *report.rpo;
  out.Row("writes acknowledged", Grouped(rpo.acknowledged));
  out.Row("  of these lost", Grouped(rpo.lost),
          rpo.lost == 0 ? ""
                        : "the oldest " + base::HumanDuration(rpo.lost_span) + " before the fault");
  for (const auto& [name, component] : report.components) {
    out.Row("  bound for " + name.str(),
            component.bound ? base::HumanDuration(*component.bound) : "none",
            "stated before promotion");
  }
  PrintStores(report, out);
}

// "sessions by redis   99.84 %   of 1 205 survived, 61 of 61 revoked stayed so, at 498/s"
void PrintSessions(const Report& report, Printer& out) {
  for (const Sessions& one : report.sessions) {
    out.Row("sessions by " + one.mode, SharePercent(one),
            fmt::format("of {} survived, {} of {} revoked stayed so, at {}/s",
                        Grouped(one.survived + one.lost), Grouped(one.still_revoked),
                        Grouped(one.revoked), one.rate));
  }
}

// "2026-11-23T08:20:53.123Z", and how much earlier than that the line is.
void PrintLine(const Consistency& consistency, Printer& out) {
  const model::RecoveryLine& line = consistency.line;
  if (line.points.size() < 2) return;
  out.Row("recovery line", line.at ? base::FormatIso8601(*line.at) : "unknown",
          line.at ? "how far " + line.store.str() + " comes"
                  : "it is not known how far " + line.store.str() + " comes");
  for (const model::RecoveryPoint& point : line.points) {
    if (!line.at || !point.at || point.store == line.store) continue;
    out.Row("  " + point.store.str(), base::HumanDuration(*point.at - *line.at), "further");
  }
}

void PrintReferences(const Consistency& consistency, Printer& out) {
  for (const model::ReferenceCounts& counts : consistency.references) {
    out.Row("  " + counts.name, Grouped(counts.missing) + " missing",
            fmt::format("of what {} rows name; {} not verified, {} listed{}", Grouped(counts.rows),
                        Grouped(counts.unverified), Grouped(counts.listed),
                        counts.complete ? "" : "; not complete"));
  }
  if (consistency.list.empty()) return;
  out.Row("repair list", Grouped(consistency.entries), consistency.list);
  for (const model::RepairEntry& entry : consistency.first) {
    out.Line(fmt::format("   {} {} {}: {} the line, in {}", Name(entry.found), entry.to.str(),
                         Printed(entry.names), Name(entry.place), entry.reference));
  }
}

}  // namespace

std::string ToText(const Report& report, Colour colour) {
  Printer out(colour);
  std::string title = report.application.name.str();
  if (report.fault) title += ": " + report.fault_name + " of " + report.fault_region.str();
  out.Line();
  out.Line(" " + title);
  out.Rule();
  if (report.rto) PrintRto(*report.rto, out);
  if (report.chain && report.application.components.size() > kFewComponents)
    PrintChain(*report.chain, out);
  if (report.rpo) PrintRpo(report, out);
  PrintSessions(report, out);
  if (report.consistency) {
    PrintLine(*report.consistency, out);
    PrintReferences(*report.consistency, out);
  }
  if (report.failback) {
    out.Row("failback home", Grouped(report.failback->lost) + " lost",
            "of " + Grouped(report.failback->acknowledged) + "; at most " +
                base::HumanDuration(report.failback->unavailable) + " without a write");
  }
  for (const ExecutionSummary& execution : report.executions) {
    out.Row(std::string(model::Name(execution.action)),
            base::HumanDuration(execution.ended - execution.began),
            execution.from.str() + " → " + execution.to.str() + ", " + execution.outcome);
  }
  out.Rule();
  for (const Objective& objective : report.objectives) {
    out.Line(fmt::format(" {}  {}: {} ({})", out.Verdict(objective.verdict), objective.name,
                         objective.measured, objective.required));
  }
  for (const std::string& problem : report.problems) out.Line(" ! " + problem);
  if (!report.journal_last_hash.empty()) {
    out.Line(fmt::format(" journal: {} records, last hash {}", report.journal_records,
                         report.journal_last_hash));
  }
  out.Line(" verdict: " + out.Verdict(report.verdict));
  return out.Take();
}

}  // namespace leeward::report
