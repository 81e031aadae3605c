#include "cli/stage.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace leeward::cli {
namespace {

using base::Result;
using shapes::Value;

constexpr std::size_t kMaxStage = 1u << 20;
constexpr int kMaxDepth = 32;
constexpr int kMaxLooks = 600;  // of one call with `until`: some ten minutes
constexpr base::Duration kBetweenLooks{20'000'000};
constexpr base::Duration kBetweenLooksMax{1'000'000'000};
constexpr std::string_view kVersion = "leeward/stage/v1";

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

// What is wrong at a place in the file; carried by value, never across a room.
struct Wrong {
  int line;
  std::string what;
};

const shapes::Shape& ShapeOf(const shapes::Member* member) { return *member->shape; }

class Reader {
 public:
  static StageCall Call(const YAML::Node& node);

 private:
  static Value Read(const YAML::Node& node, const shapes::Shape& shape, int depth);
  static Value Structure(const YAML::Node& node, const shapes::Shape& shape, int depth);
  static Value Scalar(const YAML::Node& node, const shapes::Shape& shape);
};

std::string Text(const YAML::Node& node, std::string_view what) {
  if (!node || !node.IsScalar()) throw Wrong{LineOf(node), fmt::format("{} must be a text", what)};
  return node.Scalar();
}

std::map<std::string, std::string> Texts(const YAML::Node& node, std::string_view what) {
  std::map<std::string, std::string> texts;
  if (!node) return texts;
  if (!node.IsMap()) throw Wrong{LineOf(node), fmt::format("{} must be a map of texts", what)};
  for (const auto& entry : node) texts[Text(entry.first, what)] = Text(entry.second, what);
  return texts;
}

Value Reader::Scalar(const YAML::Node& node, const shapes::Shape& shape) {
  if (!node.IsScalar()) throw Wrong{LineOf(node), "a single value is expected here"};
  const std::string& text = node.Scalar();
  const char* end = text.data() + text.size();
  switch (shape.type) {
    case shapes::Type::kBoolean:
      if (text == "true" || text == "false") return text == "true";
      throw Wrong{LineOf(node), "true or false is expected here"};
    case shapes::Type::kInteger:
    case shapes::Type::kLong: {
      std::int64_t number = 0;
      const auto [at, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc() || at != end)
        throw Wrong{LineOf(node), "a whole number is expected here"};
      return number;
    }
    case shapes::Type::kFloat:
    case shapes::Type::kDouble: {
      double number = 0;
      const auto [at, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc() || at != end) throw Wrong{LineOf(node), "a number is expected here"};
      return number;
    }
    default:
      return text;
  }
}

Value Reader::Structure(const YAML::Node& node, const shapes::Shape& shape, int depth) {
  if (!node.IsMap())
    throw Wrong{LineOf(node), fmt::format("a map with members of {} is expected here", shape.name)};
  Value value = Value::Struct();
  for (const auto& entry : node) {
    const std::string name = Text(entry.first, "a member's name");
    const shapes::Member* member = shape.FindMember(name);
    if (member == nullptr)
      throw Wrong{LineOf(entry.first), fmt::format("{} has no member {}", shape.name, name)};
    value.Set(name, Read(entry.second, ShapeOf(member), depth + 1));
  }
  return value;
}

Value Reader::Read(const YAML::Node& node, const shapes::Shape& shape, int depth) {
  if (depth > kMaxDepth) throw Wrong{LineOf(node), "nested too deeply"};
  if (shape.type == shapes::Type::kStructure) return Structure(node, shape, depth);
  if (shape.type == shapes::Type::kList) {
    if (!node.IsSequence()) throw Wrong{LineOf(node), "a list is expected here"};
    Value list = Value::EmptyList();
    for (const auto& item : node) list.list().push_back(Read(item, ShapeOf(shape.item), depth + 1));
    return list;
  }
  if (shape.type == shapes::Type::kMap) {
    if (!node.IsMap()) throw Wrong{LineOf(node), "a map is expected here"};
    Value map = Value::Struct();
    for (const auto& entry : node)
      map.Set(Text(entry.first, "a key"), Read(entry.second, ShapeOf(shape.value), depth + 1));
    return map;
  }
  return Scalar(node, shape);
}

StageCall Reader::Call(const YAML::Node& node) {
  if (!node.IsMap())
    throw Wrong{LineOf(node), "a call is a map with region, service, operation and input"};
  static constexpr std::string_view kKeys[] = {"region", "service", "operation", "input",
                                               "until",  "over",    "save"};
  for (const auto& entry : node) {
    const std::string key = Text(entry.first, "a key");
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
      throw Wrong{
          LineOf(entry.first),
          fmt::format(
              "unknown key {}; there are region, service, operation, input, until, over and save",
              key)};
    }
  }
  StageCall call;
  call.line = LineOf(node);
  for (const auto& [key, value] : {std::pair("region", &call.region),
                                   {"service", &call.service},
                                   {"operation", &call.operation}}) {
    if (!node[key]) throw Wrong{call.line, fmt::format("the call has no {}", key)};
    *value = Text(node[key], key);
  }
  const shapes::Model* model = shapes::FindModel(call.service);
  if (model == nullptr)
    throw Wrong{LineOf(node["service"]), fmt::format("service {} is not known here", call.service)};
  const shapes::Operation* operation = model->FindOperation(call.operation);
  if (operation == nullptr)
    throw Wrong{LineOf(node["operation"]),
                fmt::format("{} has no operation {}", call.service, call.operation)};
  call.input = Value::Struct();
  if (node["input"]) {
    if (operation->input == nullptr)
      throw Wrong{LineOf(node["input"]), fmt::format("{} takes no input", call.operation)};
    call.input = Read(node["input"], *operation->input, 0);
  }
  call.until = Texts(node["until"], "until");
  call.over = Texts(node["over"], "over");
  if (!call.over.empty() && call.until.empty())
    throw Wrong{LineOf(node["over"]), "`over` ends an `until`, and the call has none"};
  call.save = Texts(node["save"], "save");
  return call;
}

Stage Parse(const YAML::Node& root, const std::string& path) {
  if (!root.IsMap() || !root["apiVersion"] || Text(root["apiVersion"], "apiVersion") != kVersion) {
    throw Wrong{1, fmt::format("a stage begins with apiVersion: {}", kVersion)};
  }
  if (!root["calls"] || !root["calls"].IsSequence() || root["calls"].size() == 0) {
    throw Wrong{1, "a stage has a list `calls` with at least one call"};
  }
  Stage stage{path, {}};
  for (const auto& node : root["calls"]) stage.calls.push_back(Reader::Call(node));
  return stage;
}

Result<Value> ExpandAll(const Value& value, const Variables& variables) {
  if (value.is_string()) {
    ASSIGN_OR_RETURN(std::string text, Expand(value.str(), variables));
    return Value(std::move(text));
  }
  Value expanded = value;
  if (expanded.is_list()) {
    for (Value& item : expanded.list()) {
      ASSIGN_OR_RETURN(item, ExpandAll(item, variables));
    }
  } else if (expanded.is_members()) {
    for (auto& [name, member] : expanded.members()) {
      ASSIGN_OR_RETURN(member, ExpandAll(member, variables));
    }
  }
  return expanded;
}

bool Holds(const Value& answer, const std::map<std::string, std::string>& until) {
  return std::all_of(until.begin(), until.end(), [&](const auto& wanted) {
    const Result<std::string> text = TextAt(answer, wanted.first);
    return text.ok() && *text == wanted.second;
  });
}

// What is not as wanted yet: "tasks[0].containers[0].exitCode is 1, not 0".
std::string Unlike(const Value& answer, const std::map<std::string, std::string>& until) {
  std::string text;
  for (const auto& [path, wanted] : until) {
    const Result<std::string> found = TextAt(answer, path);
    if (found.ok() && *found == wanted) continue;
    text += fmt::format("{}{} is {}, not {}", text.empty() ? "" : ", ", path,
                        found.ok() ? *found : "not in the answer", wanted);
  }
  return text;
}

// Asks until the answer is as wanted; once, when nothing is wanted of it.
Result<Value> CallUntil(const StageCall& call, const std::string& region, const Value& input,
                        const StageHands& hands) {
  base::Duration wait = kBetweenLooks;
  std::string unlike;
  for (int look = 0; look < kMaxLooks; ++look) {
    ASSIGN_OR_RETURN(Value answer, hands.call(call, region, input));
    if (Holds(answer, call.until)) return answer;
    unlike = Unlike(answer, call.until);
    if (!call.over.empty() && Holds(answer, call.over))
      return base::WrongState(
          fmt::format("{} {} is over and {}", call.service, call.operation, unlike));
    RETURN_IF_ERROR(hands.pause(wait));
    wait = std::min(wait * 5 / 4, kBetweenLooksMax);
  }
  return base::Unreachable(fmt::format("{} {} did not come to what is wanted in {} looks: {}",
                                       call.service, call.operation, kMaxLooks, unlike));
}

base::Status Apply(const StageCall& call, Variables* variables, const StageHands& hands) {
  ASSIGN_OR_RETURN(const std::string region, Expand(call.region, *variables));
  ASSIGN_OR_RETURN(const Value input, ExpandAll(call.input, *variables));
  ASSIGN_OR_RETURN(const Value answer, CallUntil(call, region, input, hands));
  for (const auto& [name, path] : call.save) {
    ASSIGN_OR_RETURN((*variables)[name], TextAt(answer, path));
  }
  return base::Ok();
}

}  // namespace

Result<Stage> ParseStage(std::string_view text, const std::string& path) {
  if (text.size() > kMaxStage)
    return base::Invalid(
        fmt::format("{}: larger than 1 MiB; a stage is a short list of calls", path));
  try {
    return Parse(YAML::Load(std::string(text)), path);
  } catch (const Wrong& wrong) {
    return base::Invalid(fmt::format("{}:{}: {}", path, wrong.line, wrong.what));
  } catch (const YAML::Exception& error) {
    return base::Invalid(fmt::format("{}:{}: not YAML: {}", path, error.mark.line + 1, error.msg));
  }
}

base::Status ApplyStage(const Stage& stage, Variables variables, const StageHands& hands) {
  for (const StageCall& call : stage.calls) {
    if (hands.tell) hands.tell(call);
    base::Status done = Apply(call, &variables, hands);
    if (!done.ok()) {
      return std::move(done).error().Context(fmt::format("{}:{}", stage.path, call.line));
    }
  }
  return base::Ok();
}

Result<std::string> TextAt(const Value& value, std::string_view path) {
  const Value* here = &value;
  for (std::string_view rest = path; !rest.empty() && here != nullptr;) {
    if (rest.front() == '[') {
      std::size_t index = 0;
      const char* end = rest.data() + rest.size();
      const auto [at, error] = std::from_chars(rest.data() + 1, end, index);
      if (error != std::errc() || at == end || *at != ']')
        return base::Invalid(fmt::format("{} is not a path such as A.B[0].C", path));
      here = here->is_list() && index < here->list().size() ? &here->list()[index] : nullptr;
      rest.remove_prefix(static_cast<std::size_t>(at - rest.data()) + 1);
    } else {
      if (rest.front() == '.') rest.remove_prefix(1);
      const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
      here = here->Find(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  if (here == nullptr) return base::NotFound(fmt::format("the answer has no {}", path));
  if (here->is_string()) return here->str();
  if (here->is_int()) return std::to_string(here->integer());
  if (here->is_bool()) return std::string(here->boolean() ? "true" : "false");
  return base::Invalid(fmt::format("{} is not a single value", path));
}

Result<std::string> Expand(std::string_view text, const Variables& variables) {
  std::string expanded;
  while (true) {
    const std::size_t begin = text.find("${");
    expanded += text.substr(0, begin);
    if (begin == std::string_view::npos) return expanded;
    const std::size_t end = text.find('}', begin);
    if (end == std::string_view::npos) return base::Invalid("a ${ without its }");
    const std::string name(text.substr(begin + 2, end - begin - 2));
    const auto found = variables.find(name);
    if (found == variables.end())
      return base::NotFound(fmt::format("nothing is known as ${{{}}} at this call", name));
    expanded += found->second;
    text.remove_prefix(end + 1);
  }
}

}  // namespace leeward::cli
