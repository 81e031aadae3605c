#include "lab/services/rds_template.h"

#include <fstream>
#include <system_error>

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

}  // namespace

Template::Template(Host& host, const EngineType& type, fs::path directory, Secrets secrets)
    : host_(host), type_(type), directory_(std::move(directory)), secrets_(std::move(secrets)) {}

bool Template::Complete() const {
  std::error_code ignored;
  return fs::exists(directory_ / "complete", ignored);
}

void Template::Make() {
  if (making_ || Complete()) return;
  making_ = true;
  Run().Detach();
}

Flow<> Template::Run() {
  const base::Status built = co_await Build();
  making_ = false;
  Outcome outcome = engine_ ? Outcome(engine_->data()) : Outcome(directory_ / "data");
  if (!built.ok()) outcome = base::Error(built.error());
  engine_.reset();
  for (auto& done : std::exchange(waiting_, {})) done(outcome);
}

Flow<base::Status> Template::Build() {
  std::error_code error;
  fs::remove_all(directory_, error);
  engine_ = type_.make(host_, directory_, secrets_);
  const base::Status outcome = co_await engine_->Initialise();
  if (outcome.ok()) std::ofstream(directory_ / "complete") << "\n";
  co_return outcome;
}

Flow<base::Result<fs::path>> Template::Ready() {
  if (Complete()) co_return directory_ / "data";
  Await<Outcome> made([this](Await<Outcome>::Done done) {
    waiting_.push_back(std::move(done));
    Make();
  });
  co_return co_await made;
}

}  // namespace leeward::lab::rds
