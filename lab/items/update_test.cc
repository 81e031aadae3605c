#include "lab/items/update.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;

Placeholders Some() {
  return Placeholders(
      {{"#n", "n"}, {"#x", "x"}},
      ItemOf(
          R"({":s":{"S":"new"},":one":{"N":"1"},":big":{"N":"1E125"},":list":{"L":[{"S":"y"}]},":empty":{"L":[]},":map":{"M":{"k":{"N":"1"}}},
        ":ss":{"SS":["b","c"]},":abss":{"SS":["a","b"]},":ns":{"NS":["1"]},":bs":{"BS":["AA=="]},":bool":{"BOOL":true}})"));
}

const char* const kItem =
    R"({"pk":{"S":"k"},"s":{"S":"old"},"n":{"N":"5"},"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},
    "m":{"M":{"x":{"N":"1"},"l":{"L":[{"S":"a"}]}}},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"bs":{"BS":["AA=="]}})";

// The item after an update; or what Apply says.
std::string Updated(std::string_view text, std::string_view item = kItem) {
  Placeholders placeholders = Some();
  const auto update = Update::Parse(text, placeholders);
  EXPECT_TRUE(update.ok()) << text << ": " << MessageOf(update);
  if (!update.ok()) return "";
  const auto after = update->Apply(ItemOf(item));
  return after.ok() ? ToJson(*after) : after.error().message;
}

// Of one attribute.
std::string After(std::string_view text, std::string_view name) {
  std::string json = Updated(text);
  if (json.empty() || json[0] != '{') return json;
  const Item item = ItemOf(json);
  const Attribute* value = item.Find(name);
  return value == nullptr ? "nothing" : ToJson(*value);
}

std::string Refusal(std::string_view text) {
  Placeholders placeholders = Some();
  const std::string message = MessageOf(Update::Parse(text, placeholders));
  constexpr std::string_view kPrefix = "Invalid UpdateExpression: ";
  EXPECT_TRUE(message.starts_with(kPrefix)) << text;
  return message.substr(std::min(kPrefix.size(), message.size()));
}

constexpr auto kNoAttribute =
    "The provided expression refers to an attribute that does not exist in the item";
constexpr auto kBadPath =
    "The document path provided in the update expression is invalid for update";
constexpr auto kBadType = "An operand in the update expression has an incorrect data type";

TEST(UpdateSet, PutsValues) {
  EXPECT_EQ(Updated("SET s = :s", R"({"pk":{"S":"k"}})"), R"({"pk":{"S":"k"},"s":{"S":"new"}})");
  EXPECT_EQ(After("set s = :s", "s"), R"({"S":"new"})");
  EXPECT_EQ(After("SET m.y = :s", "m"),
            R"({"M":{"l":{"L":[{"S":"a"}]},"x":{"N":"1"},"y":{"S":"new"}}})");
  EXPECT_EQ(After("SET m.l[0] = :s", "m"), R"({"M":{"l":{"L":[{"S":"new"}]},"x":{"N":"1"}}})");
  EXPECT_EQ(After("SET t = s, u = m.x", "t"), R"({"S":"old"})");
  EXPECT_EQ(After("SET a = (s)", "a"), R"({"S":"old"})");
}

TEST(UpdateSet, CalculatesFromTheOldItem) {
  EXPECT_EQ(After("SET n = n + :one", "n"), R"({"N":"6"})");
  EXPECT_EQ(After("SET n = n - m.x", "n"), R"({"N":"4"})");
  EXPECT_EQ(After("SET n = :one - #n", "n"), R"({"N":"-4"})");
  EXPECT_EQ(After("SET n = (n + :one)", "n"), R"({"N":"6"})");
  EXPECT_EQ(After("SET a = n, n = :one, b = n", "b"), R"({"N":"5"})");
  EXPECT_EQ(After("SET s = n, n = s", "n"), R"({"S":"old"})") << "both read what was";
  EXPECT_EQ(After("SET a = s REMOVE s", "a"), R"({"S":"old"})");
}

TEST(UpdateSet, KnowsItsFunctions) {
  EXPECT_EQ(After("SET n = if_not_exists(n, :one)", "n"), R"({"N":"5"})");
  EXPECT_EQ(After("SET z = if_not_exists(z, :one)", "z"), R"({"N":"1"})");
  EXPECT_EQ(After("SET z = if_not_exists(z, :one) + :one", "z"), R"({"N":"2"})");
  EXPECT_EQ(After("SET z = if_not_exists(m.q, n)", "z"), R"({"N":"5"})");
  EXPECT_EQ(After("SET m.l = list_append(m.l, :list)", "m"),
            R"({"M":{"l":{"L":[{"S":"a"},{"S":"y"}]},"x":{"N":"1"}}})");
  EXPECT_EQ(After("SET z = list_append(:list, m.l)", "z"), R"({"L":[{"S":"y"},{"S":"a"}]})");
  EXPECT_EQ(After("SET z = list_append(if_not_exists(z, :empty), :list)", "z"),
            R"({"L":[{"S":"y"}]})");
  EXPECT_EQ(After("SET l = list_append(l, l)", "l"),
            R"({"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"0"},{"N":"1"},{"N":"2"}]})");
}

TEST(UpdateSet, AppendsPastTheEndOfAList) {
  EXPECT_EQ(After("SET l[10] = :s", "l"), R"({"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"S":"new"}]})");
  EXPECT_EQ(After("SET l[9] = :s, l[5] = :one", "l"),
            R"({"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"1"},{"S":"new"}]})")
      << "by their numbers";
}

TEST(UpdateSet, RefusesWhatIsNotThere) {
  EXPECT_EQ(Updated("SET a = z"), kNoAttribute);
  EXPECT_EQ(Updated("SET a = z + :one"), kNoAttribute);
  EXPECT_EQ(Updated("SET a = list_append(z, :list)"), kNoAttribute);
  EXPECT_EQ(Updated("SET z.y = :s"), kBadPath);
  EXPECT_EQ(Updated("SET s.y = :s"), kBadPath);
  EXPECT_EQ(Updated("SET m[0] = :s"), kBadPath);
  EXPECT_EQ(Updated("SET l.x = :s"), kBadPath);
  EXPECT_EQ(Updated("SET l[7].x = :s"), kBadPath);
}

TEST(UpdateSet, RefusesWrongTypes) {
  EXPECT_EQ(Updated("SET a = s + :one"), kBadType);
  EXPECT_EQ(Updated("SET a = list_append(s, :list)"), kBadType);
  EXPECT_EQ(Updated("SET a = :big + :one"),
            "Attempting to store more than 38 significant digits in a Number");
}

TEST(UpdateRemove, TakesAway) {
  EXPECT_EQ(After("REMOVE s", "s"), "nothing");
  EXPECT_EQ(After("REMOVE m.x", "m"), R"({"M":{"l":{"L":[{"S":"a"}]}}})");
  EXPECT_EQ(After("REMOVE l[0]", "l"), R"({"L":[{"N":"1"},{"N":"2"}]})");
  EXPECT_EQ(After("REMOVE l[0], l[2]", "l"), R"({"L":[{"N":"1"}]})") << "places of the old list";
  EXPECT_EQ(After("REMOVE l[9], m.q, z", "l"), R"({"L":[{"N":"0"},{"N":"1"},{"N":"2"}]})");
  EXPECT_EQ(After("SET l[1] = :s REMOVE l[0]", "l"), R"({"L":[{"S":"new"},{"N":"2"}]})");
  EXPECT_EQ(After("SET l[7] = :s REMOVE l[0]", "l"), R"({"L":[{"N":"1"},{"N":"2"},{"S":"new"}]})");
  EXPECT_EQ(Updated("REMOVE z.y"), kBadPath);
}

TEST(UpdateAdd, AddsNumbersAndSets) {
  EXPECT_EQ(After("ADD n :one", "n"), R"({"N":"6"})");
  EXPECT_EQ(After("ADD z :one", "z"), R"({"N":"1"})");
  EXPECT_EQ(After("ADD ss :ss", "ss"), R"({"SS":["a","b","c"]})");
  EXPECT_EQ(After("ADD z :ss, ns :ns", "z"), R"({"SS":["b","c"]})");
  EXPECT_EQ(After("ADD m.x :one", "m"), R"({"M":{"l":{"L":[{"S":"a"}]},"x":{"N":"2"}}})");
  EXPECT_EQ(Updated("ADD s :one"), kBadType);
  EXPECT_EQ(Updated("ADD ss :ns"), kBadType);
}

TEST(UpdateDelete, TakesFromSets) {
  EXPECT_EQ(After("DELETE ss :ss", "ss"), R"({"SS":["a"]})");
  EXPECT_EQ(After("DELETE ss :abss", "ss"), "nothing") << "no set is empty";
  EXPECT_EQ(After("DELETE ns :ns", "ns"), R"({"NS":["2"]})");
  EXPECT_EQ(After("DELETE bs :bs", "bs"), "nothing");
  EXPECT_EQ(After("DELETE z :ss", "z"), "nothing");
  EXPECT_EQ(Updated("DELETE s :ss"), kBadType);
  EXPECT_EQ(Updated("DELETE ns :ss"), kBadType);
  EXPECT_EQ(Updated("DELETE z.y :ss"), kBadPath);
}

TEST(Update, HasSeveralSections) {
  EXPECT_EQ(
      Updated("SET s = :s REMOVE n ADD m.x :one DELETE ss :ss",
              R"({"s":{"S":"o"},"n":{"N":"1"},"m":{"M":{"x":{"N":"1"}}},"ss":{"SS":["a","b"]}})"),
      R"({"m":{"M":{"x":{"N":"2"}}},"s":{"S":"new"},"ss":{"SS":["a"]}})");
}

TEST(Update, LeavesTheKeyAlone) {
  Placeholders placeholders = Some();
  const KeySchema schema{{"pk", Type::kS}, std::nullopt};
  EXPECT_EQ(MessageOf(Update::Parse("SET s = :s, pk = :s", placeholders)->CheckKey(schema)),
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute "
            "is part of the key");
  EXPECT_TRUE(Update::Parse("SET s = pk", placeholders)->CheckKey(schema).ok());
}

TEST(Update, TellsWhatItTouched) {
  const auto touched = [](std::string_view text) {
    Placeholders placeholders = Some();
    const auto update = Update::Parse(text, placeholders);
    const Item old = ItemOf(kItem);
    const Item updated = *update->Apply(old);
    return ToJson(update->TouchedOld(old)) + " -> " + ToJson(update->TouchedNew(old, updated));
  };
  EXPECT_EQ(touched("SET s = :s, z = :one"),
            R"({"s":{"S":"old"}} -> {"s":{"S":"new"},"z":{"N":"1"}})");
  EXPECT_EQ(touched("REMOVE s"), R"({"s":{"S":"old"}} -> {})");
  EXPECT_EQ(touched("SET m.x = :s"),
            R"({"m":{"M":{"x":{"N":"1"}}}} -> {"m":{"M":{"x":{"S":"new"}}}})");
  EXPECT_EQ(touched("SET l[1] = :s"), R"({"l":{"L":[{"N":"1"}]}} -> {"l":{"L":[{"S":"new"}]}})");
  EXPECT_EQ(touched("SET l[7] = :s, l[9] = :one"), R"({} -> {"l":{"L":[{"S":"new"},{"N":"1"}]}})");
  EXPECT_EQ(touched("SET l[2] = :s REMOVE l[0]"),
            R"({"l":{"L":[{"N":"0"},{"N":"2"}]}} -> {"l":{"L":[{"S":"new"}]}})");
  EXPECT_EQ(touched("SET l[7] = :s REMOVE l[0], l[8]"),
            R"({"l":{"L":[{"N":"0"}]}} -> {"l":{"L":[{"S":"new"}]}})");
  EXPECT_EQ(touched("DELETE ss :abss"), R"({"ss":{"SS":["a","b"]}} -> {})");
}

TEST(Update, NamesItsPaths) {
  Placeholders placeholders = Some();
  const auto update =
      Update::Parse("SET a = if_not_exists(b.c, d), e = f + :one REMOVE g", placeholders);
  std::string paths;
  for (const Path& path : update->Targets()) paths += path.Text();
  for (const Path& path : update->Operands()) paths += path.Text();
  EXPECT_EQ(paths, "[a][e][g][b, c][d][f]");
}

TEST(UpdateErrors, ShowWhereTheSyntaxEnds) {
  EXPECT_EQ(Refusal(""), "The expression can not be empty;");
  EXPECT_EQ(Refusal("INVALID SYNTAX HERE"),
            "Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"");
  EXPECT_EQ(Refusal("ADD hits : incr"), "Syntax error; token: \":\", near: \"hits : incr\"");
  EXPECT_EQ(Refusal("SET"), "Syntax error; token: \"<EOF>\", near: \"SET\"");
  EXPECT_EQ(Refusal("SET a"), "Syntax error; token: \"<EOF>\", near: \"a\"");
  EXPECT_EQ(Refusal("SET a = :s,"), "Syntax error; token: \"<EOF>\", near: \",\"");
  EXPECT_EQ(Refusal("SET a = :s b = :s"), "Syntax error; token: \"b\", near: \":s b =\"");
  EXPECT_EQ(Refusal("SET a = n + :one + :one"),
            "Syntax error; token: \"+\", near: \":one + :one\"");
  EXPECT_EQ(Refusal("SET a = (n + :one) + :one"), "Syntax error; token: \"+\", near: \") + :one\"");
  EXPECT_EQ(Refusal("SET :s = :s"), "Syntax error; token: \":s\", near: \"SET :s =\"");
  EXPECT_EQ(Refusal("REMOVE a = :s"), "Syntax error; token: \"=\", near: \"a = :s\"");
  EXPECT_EQ(Refusal("ADD a b"), "Syntax error; token: \"b\", near: \"a b\"");
  EXPECT_EQ(Refusal("ADD a = :one"), "Syntax error; token: \"=\", near: \"a = :one\"");
  EXPECT_EQ(Refusal("SET a = 1"), "Syntax error; token: \"1\", near: \"= 1\"");
}

TEST(UpdateErrors, RefuseSectionsTwice) {
  EXPECT_EQ(Refusal("SET a = :s REMOVE b set c = :s"),
            "The \"SET\" section can only be used once in an update expression;");
}

TEST(UpdateErrors, RefuseClashingPaths) {
  EXPECT_EQ(
      Refusal("SET a = :s, a.b = :s"),
      "Two document paths overlap with each other; must remove or rewrite one of these paths; "
      "path one: [a], path two: [a, b]");
  EXPECT_EQ(
      Refusal("SET n = :s REMOVE #n"),
      "Two document paths overlap with each other; must remove or rewrite one of these paths; "
      "path one: [n], path two: [n]");
  EXPECT_EQ(Refusal("SET a[1] = :s, a.b = :s"),
            "Two document paths conflict with each other; must remove or rewrite one of these "
            "paths; path one: [a, [1]], path two: [a, b]");
}

TEST(UpdateErrors, RefuseNamesValuesAndFunctions) {
  EXPECT_EQ(Refusal("SET name = :s"),
            "Attribute name is a reserved keyword; reserved keyword: name");
  EXPECT_EQ(Refusal("SET a = :v"),
            "An expression attribute value used in expression is not defined; attribute value: :v");
  EXPECT_EQ(Refusal("SET #a = :s"),
            "An expression attribute name used in the document path is not defined; attribute "
            "name: #a");
  EXPECT_EQ(Refusal("SET a = foo(b)"), "Invalid function name; function: foo");
  EXPECT_EQ(Refusal("SET a = attribute_exists(b)"),
            "The function is not allowed in an update expression; function: attribute_exists");
  EXPECT_EQ(Refusal("SET a = size(b)"),
            "The function is not allowed in an update expression; function: size");
  EXPECT_EQ(Refusal("SET a = if_not_exists(:s, :s)"),
            "Operator or function requires a document path; operator or function: if_not_exists");
  EXPECT_EQ(Refusal("SET a = list_append(b)"),
            "Incorrect number of operands for operator or function; operator or function: "
            "list_append, number of operands: 1");
}

TEST(UpdateErrors, RefuseTypes) {
  const std::string type = "Incorrect operand type for operator or function; operator";
  EXPECT_EQ(Refusal("SET a = list_append(b, :map)"),
            type + " or function: list_append, operand type: M");
  EXPECT_EQ(Refusal("SET a = b + :s"), type + " or function: +, operand type: S");
  EXPECT_EQ(Refusal("SET a = :bool - b"), type + " or function: -, operand type: BOOL");
  EXPECT_EQ(Refusal("ADD a :s"),
            type + ": ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND");
  EXPECT_EQ(Refusal("ADD a :list"),
            type + ": ADD, operand type: LIST, typeSet: ALLOWED_FOR_ADD_OPERAND");
  EXPECT_EQ(Refusal("DELETE a :one"),
            type + ": DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND");
}

TEST(UpdateErrors, RefuseSuperfluousParentheses) {
  EXPECT_EQ(Refusal("SET a = ((b + :one))"), "The expression has redundant parentheses;");
  EXPECT_EQ(Refusal("SET a = " + std::string(3000, '(')),
            "The expression has redundant parentheses;");
}

}  // namespace
}  // namespace leeward::lab::items
