#include "lab/items/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/items/landing.h"
#include "lab/items/path_list.h"
#include "lab/items/projection.h"
#include "lab/items/set_operations.h"
#include "lab/items/tree.h"
#include "lab/items/update_parser.h"

namespace leeward::lab::items {
namespace {

using Action = Update::Action;
using Kind = Update::Kind;
using tree::Operand;

ApiError NoSuchAttribute() {
  return ValidationError(
      "The provided expression refers to an attribute that does not exist in the item");
}
ApiError InvalidPath() {
  return ValidationError(
      "The document path provided in the update expression is invalid for update");
}
ApiError WrongType(const Action& action) {
  return ValidationError(action.legacy
                             ? "Type mismatch for attribute to update"
                             : "An operand in the update expression has an incorrect data type");
}
ApiError WrongOperand() { return WrongType({}); }

Outcome<Attribute> ValueOf(const Operand& operand, const Item& old);

Outcome<Attribute> Sum(const Operand& operand, const Item& old) {
  ASSIGN_OR_RETURN(const Attribute left, ValueOf(operand.parts[0], old));
  ASSIGN_OR_RETURN(const Attribute right, ValueOf(operand.parts[1], old));
  if (left.n() == nullptr || right.n() == nullptr) return WrongOperand();
  auto sum = operand.kind == Operand::Kind::kPlus ? left.n()->Plus(*right.n())
                                                  : left.n()->Minus(*right.n());
  if (!sum.ok()) return std::move(sum).error();
  return Attribute(*sum);
}

Outcome<Attribute> Appended(const Operand& operand, const Item& old) {
  ASSIGN_OR_RETURN(Attribute left, ValueOf(operand.parts[0], old));
  ASSIGN_OR_RETURN(Attribute right, ValueOf(operand.parts[1], old));
  Attribute::List* list = left.list();
  Attribute::List* more = right.list();
  if (list == nullptr || more == nullptr) return WrongOperand();
  list->insert(list->end(), std::make_move_iterator(more->begin()),
               std::make_move_iterator(more->end()));
  return left;
}

Outcome<Attribute> ValueOf(const Operand& operand, const Item& old) {
  switch (operand.kind) {
    case Operand::Kind::kValue:
      return *operand.value;
    case Operand::Kind::kIfNotExists:
      if (const Attribute* found = operand.path.Find(old)) return *found;
      return ValueOf(operand.parts[0], old);
    case Operand::Kind::kListAppend:
      return Appended(operand, old);
    case Operand::Kind::kPlus:
    case Operand::Kind::kMinus:
      return Sum(operand, old);
    case Operand::Kind::kPath:
    case Operand::Kind::kSize:
      break;
  }
  if (const Attribute* found = operand.path.Find(old)) return *found;
  return NoSuchAttribute();
}

// What holds the place that a path's last step names; nullptr when it is not there or of the wrong
// type.
Attribute* Parent(Item& item, const Path& path) {
  Attribute* at = item.Find(path.top);
  for (std::size_t i = 0; i < path.steps.size() && at != nullptr; ++i) {
    const Path::Step& step = path.steps[i];
    const std::string* name = std::get_if<std::string>(&step);
    if (name != nullptr ? at->map() == nullptr : at->list() == nullptr) return nullptr;
    if (i + 1 == path.steps.size()) return at;
    if (name != nullptr) {
      at = at->map()->Find(*name);
    } else {
      const std::size_t index = std::get<std::size_t>(step);
      at = index < at->list()->size() ? &(*at->list())[index] : nullptr;
    }
  }
  return nullptr;
}

Verdict Put(Item& item, const Path& path, Attribute value) {
  if (path.steps.empty()) {
    item.Set(path.top, std::move(value));
    return {};
  }
  Attribute* parent = Parent(item, path);
  if (parent == nullptr) return InvalidPath();
  if (const std::string* name = std::get_if<std::string>(&path.steps.back())) {
    parent->map()->Set(*name, std::move(value));
    return {};
  }
  const std::size_t index = std::get<std::size_t>(path.steps.back());
  Attribute::List& list = *parent->list();
  if (index < list.size()) {
    list[index] = std::move(value);
  } else {
    list.push_back(std::move(value));
  }
  return {};
}

Verdict Remove(Item& item, const Path& path) {
  if (path.steps.empty()) {
    item.Erase(path.top);
    return {};
  }
  Attribute* parent = Parent(item, path);
  if (parent == nullptr) return InvalidPath();
  if (const std::string* name = std::get_if<std::string>(&path.steps.back())) {
    parent->map()->Erase(*name);
    return {};
  }
  const std::size_t index = std::get<std::size_t>(path.steps.back());
  Attribute::List& list = *parent->list();
  if (index < list.size()) list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
  return {};
}

Outcome<Attribute> Added(const Action& action, const Attribute* found) {
  const Attribute& value = *action.value->value;
  if (found == nullptr) return value;
  if (found->type() != value.type()) return WrongType(action);
  switch (value.type()) {
    case Type::kN: {
      auto sum = found->n()->Plus(*value.n());
      if (!sum.ok()) return std::move(sum).error();
      return Attribute(*sum);
    }
    case Type::kSS:
      return Attribute(Union(*found->ss(), *value.ss()));
    case Type::kNS:
      return Attribute(Union(*found->ns(), *value.ns()));
    case Type::kBS:
      return Attribute(Union(*found->bs(), *value.bs()));
    case Type::kL: {  // AttributeUpdates only
      Attribute list = *found;
      list.list()->insert(list.list()->end(), value.list()->begin(), value.list()->end());
      return list;
    }
    default:
      return WrongType(action);
  }
}

// nullopt when nothing is left.
std::optional<Attribute> Without(const Attribute& found, const Attribute& value) {
  const auto left = [](auto set) { return set ? std::optional<Attribute>(*set) : std::nullopt; };
  if (value.type() == Type::kSS) return left(Difference(*found.ss(), *value.ss()));
  if (value.type() == Type::kNS) return left(Difference(*found.ns(), *value.ns()));
  return left(Difference(*found.bs(), *value.bs()));
}

// Whether a DELETE left something of the set that it found.
bool LeavesSomething(const Action& action, const Attribute* found) {
  const Attribute& value = *action.value->value;
  return found != nullptr && found->type() == value.type() && Without(*found, value);
}

// Carries out one update. Values come from the old item. What is removed goes last and from behind,
// so that no list element moves before all paths have found theirs.
class Application {
 public:
  explicit Application(const Item& old) : old_(old), item_(old) {}

  Outcome<Item> Run(const std::vector<Action>& actions) {
    std::vector<const Action*> ordered;
    ordered.reserve(actions.size());
    for (const Action& action : actions) ordered.push_back(&action);
    // Elements that are set past the end of a list stand there by their numbers.
    std::stable_sort(ordered.begin(), ordered.end(), [](const Action* a, const Action* b) {
      return ComesBefore(a->path, b->path);
    });
    for (const Action* action : ordered) RETURN_IF_ERROR(Apply(*action));
    for (auto path = removed_.rbegin(); path != removed_.rend(); ++path) {
      RETURN_IF_ERROR(Remove(item_, **path));
    }
    return std::move(item_);
  }

 private:
  Verdict Apply(const Action& action) {
    switch (action.kind) {
      case Kind::kSet: {
        ASSIGN_OR_RETURN(Attribute value, ValueOf(*action.value, old_));
        return Put(item_, action.path, std::move(value));
      }
      case Kind::kRemove:
        removed_.push_back(&action.path);
        return {};
      case Kind::kAdd: {
        ASSIGN_OR_RETURN(Attribute value, Added(action, action.path.Find(old_)));
        return Put(item_, action.path, std::move(value));
      }
      case Kind::kDelete:
        return Delete(action);
    }
    CHECK_NEVER("a kind");
  }

  Verdict Delete(const Action& action) {
    const Attribute* found = action.path.Find(old_);
    const Attribute& value = *action.value->value;
    if (found == nullptr) {
      // A place that cannot be is refused, one that is empty is left so.
      if (!action.path.steps.empty() && Parent(item_, action.path) == nullptr) return InvalidPath();
      return {};
    }
    if (found->type() != value.type()) return WrongType(action);
    auto left = Without(*found, value);
    if (left) return Put(item_, action.path, std::move(*left));
    removed_.push_back(&action.path);
    return {};
  }

  const Item& old_;
  Item item_;
  std::vector<const Path*> removed_;  // in the order of ComesBefore
};

void CollectPaths(const Operand& operand, std::vector<Path>& paths) {
  if (operand.kind == Operand::Kind::kPath || operand.kind == Operand::Kind::kIfNotExists) {
    paths.push_back(operand.path);
  }
  for (const Operand& part : operand.parts) CollectPaths(part, paths);
}

}  // namespace

Outcome<Update> Update::Parse(std::string_view text, Placeholders& placeholders) {
  ASSIGN_OR_RETURN(std::vector<Action> actions, ParseUpdate(text, placeholders));
  return Update(std::move(actions), placeholders.values());
}

Update::Update(std::vector<Action> actions, std::shared_ptr<const Item> values)
    : actions_(std::move(actions)), values_(std::move(values)) {}

Verdict Update::CheckKey(const KeySchema& schema) const {
  for (const Action& action : actions_) {
    if (!schema.Has(action.path.top)) continue;
    return InvalidParameter(fmt::format(
        "Cannot update attribute {}. This attribute is part of the key", action.path.top));
  }
  return {};
}

Outcome<Item> Update::Apply(const Item& old) const { return Application(old).Run(actions_); }

Item Update::TouchedOld(const Item& old) const { return Projection(Targets()).Apply(old); }

Item Update::TouchedNew(const Item& old, const Item& updated) const {
  std::vector<Path> written, removed;
  for (const Action& action : actions_) {
    const bool gone =
        action.kind == Kind::kRemove ||
        (action.kind == Kind::kDelete && !LeavesSomething(action, action.path.Find(old)));
    (gone ? removed : written).push_back(action.path);
  }
  std::sort(written.begin(), written.end(), ComesBefore);
  return Projection(Landed(old, std::move(written), removed)).Apply(updated);
}

std::vector<Path> Update::Targets() const {
  std::vector<Path> paths;
  paths.reserve(actions_.size());
  for (const Action& action : actions_) paths.push_back(action.path);
  return paths;
}

std::vector<Path> Update::Operands() const {
  std::vector<Path> paths;
  for (const Action& action : actions_) {
    if (action.value != nullptr) CollectPaths(*action.value, paths);
  }
  return paths;
}

}  // namespace leeward::lab::items
