#include "cli/drill_lab.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/last_line.h"
#include "os/environment.h"
#include "os/process.h"

namespace leeward::cli {
namespace {

constexpr std::uint64_t kMaxOutput = 1u << 20;
constexpr base::Duration kUpPatience{60'000'000'000};
constexpr base::Duration kFaultPatience{20'000'000'000};

std::string BesideThisProgram(const std::string& name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

// Waits for the child's end; -1 when it took too long and was killed.
int Wait(pid_t child, base::Duration patience) {
  const int descriptor = os::OpenPidDescriptor(child);
  pollfd wait{descriptor, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&wait, 1, static_cast<int>(base::Millis(patience)));
  } while (ready < 0 && errno == EINTR);
  if (descriptor >= 0) close(descriptor);
  if (ready <= 0) {
    (void)os::KillTrees({child}, base::Duration(1'000'000'000));
    return -1;
  }
  const std::optional<os::ProcessExit> exit = os::PollExit(child);
  return exit ? exit->code : -1;
}

// A file without a name, so that nothing is left to delete however this program ends.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("lab's answer", MFD_CLOEXEC)) {}
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return fmt::format("/proc/{}/fd/{}", getpid(), descriptor_); }

 private:
  int descriptor_;
};

nlohmann::json ParseJson(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, false);
}

std::string Text(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string()
             ? object[name].get<std::string>()
             : "";
}

}  // namespace

base::Result<std::string> AddressIn(const std::string& block, int last) {
  const std::size_t second_dot = block.find('.', block.find('.') + 1);
  if (second_dot == std::string::npos) return base::Invalid("not an address block: " + block);
  return fmt::format("{}.255.{}", block.substr(0, second_dot), last);
}

DrillLab::DrillLab(ports::Files& files, std::string directory, Ending ending)
    : files_(files), directory_(std::move(directory)), ending_(ending) {}

DrillLab::~DrillLab() {
  if (ending_ == Ending::kTakeDown && up_) (void)Down();
}

base::Result<std::string> DrillLab::Run(std::vector<std::string> arguments,
                                        base::Duration patience) {
  os::ProcessSpec spec;
  spec.argv = {BesideThisProgram("leeward-lab")};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.argv.insert(spec.argv.end(), {"--state", directory_});
  for (const auto& [name, value] : os::WholeEnvironment()) {
    if (!name.starts_with("AWS_")) spec.environment.emplace_back(name, value);
  }
  const MemoryFile answer;
  spec.output = answer.path();
  base::Result<pid_t> child = os::StartProcess(spec);
  if (!child.ok()) return std::move(child).error().Context("the lab's program");
  const int code = Wait(*child, patience);
  const base::Result<std::string> told = files_.Read(answer.path(), kMaxOutput);
  const std::string output = told.ok() ? *told : "";
  if (code == 0) return output;
  const std::string why =
      code < 0 ? "did not answer in " + base::HumanDuration(patience) : LastLine(output);
  return base::ServiceBroken(fmt::format("leeward-lab {}: {}", arguments[0], why));
}

base::Result<LabEndpoints> DrillLab::Up(const model::Regions& regions) {
  up_ = true;  // whatever came up is to be taken down
  std::string names = regions.home.str() + "," + regions.recovery.str();
  if (!regions.witness.empty()) names += "," + regions.witness.str();
  std::vector<std::string> up{"up",          "--gateway", "127.0.0.1:0", "--dns",
                              "127.0.0.1:0", "--regions", names,         "--json"};
  // However this program ends, the lab does not stay behind.
  if (ending_ == Ending::kTakeDown) up.insert(up.end(), {"--owner", std::to_string(getpid())});
  ASSIGN_OR_RETURN(const std::string output, Run(std::move(up), kUpPatience));
  const nlohmann::json json = ParseJson(output);
  LabEndpoints endpoints{Text(json, "gateway"), Text(json, "dns"), {}};
  if (endpoints.gateway.empty() || endpoints.dns.empty() || !json["regions"].is_object()) {
    return base::ServiceBroken("leeward-lab up did not say where it answers: " + LastLine(output));
  }
  for (const auto& [region, entry] : json["regions"].items()) {
    endpoints.blocks[model::Region(region)] = Text(entry, "network");
  }
  return endpoints;
}

base::Result<base::WallTime> DrillLab::Kill(const model::Region& region) {
  ASSIGN_OR_RETURN(const std::string output, Run({"kill", region.str(), "--json"}, kFaultPatience));
  const nlohmann::json json = ParseJson(output);
  if (!json.is_object() || !json["at_ns"].is_number_integer()) {
    return base::ServiceBroken("leeward-lab kill did not say when: " + LastLine(output));
  }
  return base::WallTime{base::Duration(json["at_ns"].get<std::int64_t>())};
}

base::Status DrillLab::Heal(const model::Region& region) {
  const base::Result<std::string> output = Run({"heal", region.str()}, kFaultPatience);
  if (!output.ok()) return output.error();
  return base::Ok();
}

base::Status DrillLab::Down() {
  const base::Result<std::string> output = Run({"down"}, kUpPatience);
  if (!output.ok()) return output.error();
  up_ = false;
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  return base::Ok();
}

}  // namespace leeward::cli
