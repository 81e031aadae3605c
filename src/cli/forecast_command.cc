// forecast: what earlier drills say about the next loss of the Region, before it happens.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "cli/report_input.h"
#include "forecast/forecast.h"
#include "forecast/measurement.h"
#include "journal/journal.h"
#include "os/files.h"
#include "report/report.h"
#include "sim/rehearse.h"

namespace leeward::cli {
namespace {

constexpr std::uint64_t kMaxReportBytes = std::uint64_t{64} << 20;
constexpr std::size_t kMaxMeasurements = 1000;
constexpr int kMaxThreads = 16;

struct Measured {
  std::vector<forecast::Latencies> latencies;
  forecast::Basis basis;
};

// The document that `leeward drill --json` printed, made again from the drill's journal.
base::Result<std::string> DocumentOf(ports::Files& files, const Project& project,
                                     const std::string& journal) {
  ASSIGN_OR_RETURN(const journal::Contents contents, journal::Read(files, journal));
  ASSIGN_OR_RETURN(const report::Input input,
                   ReportInput(project, journal, contents.summary, contents.events));
  return report::ToJson(report::Make(input));
}

base::Result<std::vector<std::string>> DrillJournals(ports::Files& files, const Project& project) {
  const std::string drills = project.state + "/drills";
  std::vector<std::string> journals;
  ASSIGN_OR_RETURN(const bool any, files.Exists(drills));
  if (!any) return journals;
  ASSIGN_OR_RETURN(std::vector<std::string> names, files.List(drills));
  std::sort(names.begin(), names.end());
  // Their names begin with when they were made: the newest are the ones to keep.
  const std::size_t skip = names.size() - std::min(names.size(), kMaxMeasurements);
  for (std::size_t i = skip; i < names.size(); ++i) {
    const std::string journal = drills + "/" + names[i] + "/journal/journal.lwj";
    ASSIGN_OR_RETURN(const bool exists, files.Exists(journal));
    if (exists) journals.push_back(journal);
  }
  return journals;
}

// A drill of an earlier spec, or of an earlier leeward, lacks steps that the plan has now.
base::Result<forecast::Latencies> Usable(const Arguments& arguments, const Project& project,
                                         const base::Result<std::string>& document) {
  if (!document.ok()) return document.error();
  ASSIGN_OR_RETURN(forecast::Latencies latencies,
                   forecast::ReadMeasurement(project.application, arguments.fault, *document));
  const auto rehearsed = sim::Rehearse(project.application, latencies, arguments.seed);
  const bool lacks = !rehearsed.ok() && rehearsed.error().code() == base::ErrorCode::kInvalid;
  if (lacks) return rehearsed.error();
  return latencies;
}

void Add(const Arguments& arguments, const Project& project, const std::string& source,
         const base::Result<std::string>& document, Measured* measured) {
  const base::Result<forecast::Latencies> read = Usable(arguments, project, document);
  if (read.ok()) {
    measured->latencies.push_back(*read);
    measured->basis.used.push_back(source);
  } else {
    measured->basis.skipped.push_back(source + ": " + read.error().message());
  }
}

base::Result<Measured> Gather(const Arguments& arguments, ports::Files& files,
                              const Project& project) {
  Measured measured;
  if (arguments.from.size() > kMaxMeasurements) {
    return base::Invalid(fmt::format("--from takes at most {} files", kMaxMeasurements));
  }
  for (const std::string& file : arguments.from) {
    Add(arguments, project, file, files.Read(file, kMaxReportBytes), &measured);
  }
  if (arguments.from.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> journals, DrillJournals(files, project));
    for (const std::string& journal : journals) {
      Add(arguments, project, journal, DocumentOf(files, project, journal), &measured);
    }
  }
  if (!measured.latencies.empty()) return measured;
  std::string why = "no drill of " + project.application.name.str() +
                    " was measured, and a forecast invents nothing; first run `leeward drill " +
                    arguments.spec + " --lab --json > drill.json`, then give it with --from";
  if (!measured.basis.skipped.empty()) why += " (" + measured.basis.skipped.front() + ")";
  return base::Invalid(why);
}

forecast::Trial TrialOf(const sim::Rehearsal& rehearsal) {
  const report::RtoSplit& rto = rehearsal.rto;
  return {rehearsal.refused,
          rto.total,
          {rto.detect, rto.decide, rto.fence, rto.promote, rto.scale, rto.traffic, rto.client_tail},
          rehearsal.lost,
          rehearsal.bound};
}

// Each run has chance of its own, so that the answer does not depend on the threads.
base::Result<std::vector<forecast::Trial>> RunAll(const Arguments& arguments,
                                                  const Project& project,
                                                  const forecast::Sampler& sampler) {
  const auto runs = static_cast<std::size_t>(arguments.runs);
  const std::size_t threads =
      std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  std::vector<forecast::Trial> all(runs);
  std::vector<base::Status> ended(threads, base::Ok());
  {
    std::vector<std::jthread> workers;
    for (std::size_t worker = 0; worker < threads; ++worker) {
      workers.emplace_back([&, worker] {
        for (std::size_t i = worker; i < runs && ended[worker].ok(); i += threads) {
          ports::SeededRandom random(arguments.seed + i);
          const auto rehearsed =
              sim::Rehearse(project.application, sampler.Draw(random), arguments.seed + i);
          if (rehearsed.ok()) {
            all[i] = TrialOf(*rehearsed);
          } else {
            ended[worker] = rehearsed.error();
          }
        }
      });
    }
  }
  for (const base::Status& status : ended) RETURN_IF_ERROR(status);
  return all;
}

base::Result<int> Act(const Arguments& arguments) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const Project project, OpenProject(files, arguments));
  ASSIGN_OR_RETURN(const forecast::Terms terms, forecast::TermsOf(project.application));
  ASSIGN_OR_RETURN(Measured measured, Gather(arguments, files, project));
  const forecast::Sampler sampler(std::move(measured.latencies), project.application.detection,
                                  terms.ttl);
  ASSIGN_OR_RETURN(const std::vector<forecast::Trial> runs, RunAll(arguments, project, sampler));
  forecast::Forecast made = forecast::Sum(project.application, runs);
  made.fault = arguments.fault;
  made.seed = arguments.seed;
  made.basis = std::move(measured.basis);
  Emit("{}", arguments.json ? forecast::ToJson(made) : forecast::ToText(made));
  return kDone;
}

}  // namespace

int RunForecast(const Arguments& arguments) {
  const base::Result<int> code = Act(arguments);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
