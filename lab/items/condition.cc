#include "lab/items/condition.h"

#include "lab/items/condition_parser.h"
#include "lab/items/evaluate.h"

namespace leeward::lab::items {
namespace {

void CollectPaths(const tree::Operand& operand, std::vector<Path>& paths) {
  if (operand.kind == tree::Operand::Kind::kPath) paths.push_back(operand.path);
  for (const tree::Operand& part : operand.parts) CollectPaths(part, paths);
}

void CollectPaths(const tree::Node& node, std::vector<Path>& paths) {
  for (const tree::Node& child : node.children) CollectPaths(child, paths);
  for (const tree::Operand& operand : node.operands) CollectPaths(operand, paths);
}

}  // namespace

Outcome<Condition> Condition::Parse(std::string_view parameter, std::string_view text,
                                    Placeholders& placeholders) {
  ASSIGN_OR_RETURN(tree::Node root, ParseCondition(parameter, text, placeholders));
  return Condition(std::make_shared<const tree::Node>(std::move(root)), placeholders.values());
}

Condition::Condition(std::shared_ptr<const tree::Node> root, std::shared_ptr<const Item> values)
    : root_(std::move(root)), values_(std::move(values)) {}

bool Condition::Holds(const Item& item) const { return tree::Holds(*root_, item); }

std::vector<Path> Condition::Paths() const {
  std::vector<Path> paths;
  CollectPaths(*root_, paths);
  return paths;
}

}  // namespace leeward::lab::items
