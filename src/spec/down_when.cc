// `down-when`: a list of combinations of signals, such as "application and store". The Region
// counts as down when one of them holds.
#include <algorithm>
#include <sstream>

#include "spec/application.h"

namespace leeward::spec {
namespace {

using model::Combination;
using model::Signal;

constexpr std::int64_t kMaxCombinations = 6;  // there are no more

std::vector<std::string> SignalNames() {
  std::vector<std::string> names;
  for (const Signal signal : model::AllOf<Signal>()) names.emplace_back(model::Name(signal));
  return names;
}

// One of the words between which 'and' stands.
bool ReadSignal(Context& context, const YAML::Node& node, const std::string& word,
                Combination* together) {
  Signal signal{};
  if (!model::FromName(word, &signal)) {
    const std::string nearest = Nearest(word, SignalNames());
    context.Complain(
        node, "'down-when' in detection names '" + word + "', which is no signal",
        nearest.empty() ? "write " + Choice(SignalNames()) : "did you mean " + nearest + "?");
    return false;
  }
  if (std::find(together->begin(), together->end(), signal) != together->end()) {
    context.Complain(node, "'down-when' in detection names '" + word + "' twice in one entry",
                     "write it once");
    return false;
  }
  together->push_back(signal);
  return true;
}

bool ReadJoint(Context& context, const YAML::Node& node, const std::string& word) {
  if (word == "and") return true;
  context.Complain(node, "'down-when' in detection has '" + word + "' between signals",
                   word == "or" ? "write each of the two as an entry of its own: one is enough"
                                : "write 'and' between them");
  return false;
}

bool ReadCombination(Context& context, const YAML::Node& node, Combination* together) {
  std::string text;
  if (!context.Text(node, "an entry of 'down-when' in detection", kSignals, &text)) return false;
  std::istringstream words(text);
  bool signal_next = true;
  for (std::string word; words >> word; signal_next = !signal_next) {
    const bool good =
        signal_next ? ReadSignal(context, node, word, together) : ReadJoint(context, node, word);
    if (!good) return false;
  }
  if (signal_next) {
    context.Complain(node, "an entry of 'down-when' in detection ends with 'and'",
                     "write another signal behind it, or take it away");
    return false;
  }
  if (*together == Combination{Signal::kControlPlane}) {
    context.Complain(node,
                     "'down-when' in detection lets the AWS API alone say that a Region is down, "
                     "and an API can fail while everything in its Region serves",
                     "write 'application and control-plane' or 'store and control-plane'");
    return false;
  }
  std::sort(together->begin(), together->end());
  return true;
}

bool Covers(const Combination& all, const Combination& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// An entry that asks for more than another does is never the one that decides.
bool AddsSomething(Context& context, const YAML::Node& node, const Combination& together,
                   const std::vector<Combination>& before) {
  for (const Combination& other : before) {
    if (!Covers(together, other) && !Covers(other, together)) continue;
    const bool less = together.size() < other.size();
    context.Complain(node,
                     "'" + model::NameOf(less ? other : together) +
                         "' in 'down-when' adds nothing to '" +
                         model::NameOf(less ? together : other) + "', which is enough by itself",
                     "keep one of them");
    return false;
  }
  return true;
}

void ReadDownWhen(Context& context, const YAML::Node& node, const std::string& name,
                  model::Detection& detection) {
  if (!context.List(node, name, kMaxCombinations)) return;
  if (node.size() == 0) {
    context.Complain(node, name + " is empty: nothing would ever count as a lost Region",
                     "write what counts, such as [application and store], or leave it out");
    return;
  }
  std::vector<Combination> read;
  bool good = true;
  for (const YAML::Node& entry : node) {
    Combination together;
    if (!ReadCombination(context, entry, &together) ||
        !AddsSomething(context, entry, together, read)) {
      good = false;
    } else {
      read.push_back(std::move(together));
    }
  }
  // Half a list means something else than the whole one: nothing more is said of it.
  if (!good) read.clear();
  detection.down_when = std::move(read);
}

}  // namespace

Field<model::Detection> DownWhenField() {
  return {{"down-when", Need::kOptional, ListShape(TextShape(kSignals), kMaxCombinations),
           "signals that make a Region count as down, one entry is enough; default: "
           "[application and store]"},
          ReadDownWhen};
}

}  // namespace leeward::spec
