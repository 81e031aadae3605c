// Sessions by how they were kept: what survived, and who stayed revoked.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/names.h"
#include "report/parts.h"

namespace leeward::report {
namespace {

using model::Event;

constexpr char kLostSpanField[] = "lost-ns";

// A token needs no store to be known in the other Region.
bool NothingIsLost(const Sessions& sessions) {
  return sessions.mode == model::Name(model::SessionMode::kTokens);
}

void JudgeSurvival(const Sessions& of, Report* report) {
  const base::Duration rpo = report->application.objectives.rpo;
  std::string measured =
      fmt::format("{}, {} of {}", SharePercent(of), of.survived, of.survived + of.lost);
  if (of.lost > 0) measured += ", the oldest lost of " + base::HumanDuration(of.lost_span);
  if (of.unknown > 0) measured += fmt::format("; {} did not answer", of.unknown);
  const bool kept = of.lost == 0 || (!NothingIsLost(of) && of.lost_span <= rpo);
  const bool clear = of.live > 0 && of.unknown == 0;
  report->objectives.push_back(
      {"sessions by " + of.mode + " survive",
       NothingIsLost(of) ? "all" : "all but of the last " + base::HumanDuration(rpo), measured,
       !kept   ? Verdict::kFail
       : clear ? Verdict::kPass
               : Verdict::kIncomplete});
}

void JudgeRevoked(const Sessions& of, Report* report) {
  std::string measured = fmt::format("{} of {}", of.still_revoked, of.revoked);
  if (of.back_alive > 0)
    measured += fmt::format("; {} of the others had not crossed", of.back_alive_local);
  if (of.revoked_unknown > 0) measured += fmt::format("; {} did not answer", of.revoked_unknown);
  if (of.revoked_served > 0)
    measured += fmt::format("; {} served while the load ran", of.revoked_served);
  const bool kept = of.back_alive + of.revoked_served == 0;
  const bool clear = of.revoked > 0 && of.revoked_unknown == 0;
  report->objectives.push_back({"revoked sessions by " + of.mode + " stay revoked", "all", measured,
                                !kept   ? Verdict::kFail
                                : clear ? Verdict::kPass
                                        : Verdict::kIncomplete});
}

}  // namespace

std::optional<double> Sessions::SurvivedShare() const {
  const std::int64_t seen = survived + lost;
  if (seen == 0) return std::nullopt;
  return static_cast<double>(survived) / static_cast<double>(seen);
}

const std::vector<SessionFigure>& SessionFigures() {
  static const std::vector<SessionFigure> kFigures = {
      {"rate", &Sessions::rate},
      {"live", &Sessions::live},
      {"survived", &Sessions::survived},
      {"lost", &Sessions::lost},
      {"unknown", &Sessions::unknown},
      {"stale", &Sessions::stale},
      {"revoked", &Sessions::revoked},
      {"still_revoked", &Sessions::still_revoked},
      {"back_alive", &Sessions::back_alive},
      {"back_alive_local", &Sessions::back_alive_local},
      {"revoked_unknown", &Sessions::revoked_unknown},
      {"revoked_served", &Sessions::revoked_served},
      {"undecided", &Sessions::undecided}};
  return kFigures;
}

std::string SharePercent(const Sessions& sessions) {
  const std::optional<double> share = sessions.SurvivedShare();
  if (!share) return "an unknown share";
  if (sessions.lost == 0) return "100 %";
  constexpr double kHundredths = 10'000;
  return fmt::format("{:.2f} %", std::floor(*share * kHundredths) / 100);
}

model::Event MeasuredSessions(const Sessions& sessions, base::WallTime at) {
  Event event = Measured(kSessions, {}, sessions.survived, at);
  event.fields["mode"] = sessions.mode;
  for (const SessionFigure& figure : SessionFigures())
    event.fields[figure.name] = std::to_string(sessions.*figure.member);
  event.fields[kLostSpanField] = std::to_string(sessions.lost_span.count());
  return event;
}

void ReadSessions(const Input& input, Report* report) {
  for (const Event& event : input.events) {
    if (event.kind != model::EventKind::kMeasured || event.Field("what") != kSessions) continue;
    Sessions sessions;
    sessions.mode = std::string(event.Field("mode"));
    for (const SessionFigure& figure : SessionFigures())
      sessions.*figure.member = WholeNumber(event.Field(figure.name)).value_or(0);
    sessions.lost_span = base::Duration(WholeNumber(event.Field(kLostSpanField)).value_or(0));
    report->sessions.push_back(std::move(sessions));
  }
}

void JudgeSessions(Report* report) {
  for (const Sessions& sessions : report->sessions) {
    JudgeSurvival(sessions, report);
    JudgeRevoked(sessions, report);
  }
  if (!report->fault || !report->application.workload) return;
  for (const model::SessionLoad& load : report->application.workload->sessions) {
    const std::string mode(model::Name(load.mode));
    if (std::any_of(report->sessions.begin(), report->sessions.end(),
                    [&](const Sessions& one) { return one.mode == mode; }))
      continue;
    report->objectives.push_back({"sessions by " + mode + " survive", "a measured share",
                                  "not measured", Verdict::kIncomplete});
  }
}

}  // namespace leeward::report
