#include "aws/jmespath.h"

#include <gtest/gtest.h>

#include "shapes/model.h"

namespace leeward::aws {
namespace {

using shapes::Value;

Value Find(std::string_view path, std::string_view json) {
  const base::Result<Value> found = SearchPath(path, shapes::FromJson(json).value());
  EXPECT_TRUE(found.ok()) << found.error().message();
  return found.ok() ? *found : Value();
}

constexpr std::string_view kServices = R"({"services": [
  {"deployments": [1], "runningCount": 2, "desiredCount": 2, "status": "ACTIVE"},
  {"deployments": [1, 2], "runningCount": 2, "desiredCount": 2, "status": "DRAINING"}]})";

TEST(JmesPathTest, ProjectsFieldsOverLists) {
  EXPECT_EQ(shapes::ToJson(Find("services[].status", kServices)), R"(["ACTIVE","DRAINING"])");
  EXPECT_EQ(shapes::ToJson(Find("services[].deployments[]", kServices)), "[1,1,2]");
  EXPECT_EQ(Find("services[-1].status", kServices).str(), "DRAINING");
  EXPECT_TRUE(Find("failures[].reason", kServices).is_null());
}

TEST(JmesPathTest, FiltersAndCounts) {
  constexpr std::string_view kStable =
      "length(services[?!(length(deployments) == `1` && runningCount == desiredCount)]) == `0`";
  EXPECT_FALSE(Find(kStable, kServices).boolean());
  EXPECT_TRUE(Find(kStable, R"({"services": []})").boolean());
  EXPECT_TRUE(Find("length(DBInstances) == `0`", R"({})").boolean());
  EXPECT_TRUE(Find("length(A[].B) > `0`", R"({"A": [{"B": 1}]})").boolean());
}

TEST(JmesPathTest, FallsBackAndPipes) {
  EXPECT_EQ(Find("a || b", R"({"b": "x"})").str(), "x");
  EXPECT_EQ(Find("services | [0].status", kServices).str(), "ACTIVE");
  EXPECT_EQ(Find("Table.TableStatus", R"({"Table": {"TableStatus": "ACTIVE"}})").str(), "ACTIVE");
}

TEST(JmesPathTest, RefusesWhatItDoesNotKnow) {
  for (const std::string_view path :
       {"", "a[", "a.", "max(a)", "a b", "`{`", "((((((((((", "a[?b"}) {
    EXPECT_FALSE(SearchPath(path, Value::Struct()).ok()) << path;
  }
  EXPECT_FALSE(SearchPath(std::string(500, '('), Value::Struct()).ok());
}

TEST(JmesPathTest, KnowsEveryPathOfTheModels) {
  int paths = 0;
  for (const shapes::Model* model : shapes::AllModels()) {
    for (const shapes::Waiter& waiter : model->waiters) {
      for (const shapes::WaiterAcceptor& acceptor : waiter.acceptors) {
        if (acceptor.argument.empty()) continue;
        ++paths;
        EXPECT_TRUE(SearchPath(acceptor.argument, Value::Struct()).ok()) << acceptor.argument;
      }
    }
    for (const shapes::Pagination& pagination : model->paginations) {
      for (const auto& names : {pagination.output_tokens, pagination.result_keys}) {
        for (const std::string_view name : names) {
          EXPECT_TRUE(SearchPath(name, Value::Struct()).ok()) << model->service << " " << name;
        }
      }
    }
  }
  EXPECT_GT(paths, 50);
}

}  // namespace
}  // namespace leeward::aws
