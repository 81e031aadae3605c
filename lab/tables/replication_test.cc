#include "lab/tables/replication.h"

#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

// A Region of its own: the fixture's members once more.
class Region : public TablesWorld {
 public:
  explicit Region(std::string name) {
    region_ = std::move(name);
    Restart();
    MakeTable("carts");
    EXPECT_TRUE(Shared().Keep("carts", Replication::Kept::kYes).ok());
  }
  void TestBody() override {}
  Replication& Shared() { return engine_->replication(); }
  void Put(std::string_view pk, std::string_view v) {
    Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + std::string(pk) + "'},'v':{'S':'" +
                      std::string(v) + "'}}}");
  }
  void Delete(std::string_view pk) {
    Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'" + std::string(pk) + "'}}}");
  }
  std::string All() { return Do("Scan", "{'TableName':'carts'}"); }
  void Later(base::Duration by) { Turn(by); }
  void Kill() { Restart(); }
  std::string Ask(std::string_view operation, std::string_view body) { return Do(operation, body); }
};

// Ships what is new in `from`; where it got to.
std::uint64_t Ship(Region& from, Region& to, std::uint64_t after) {
  auto page = from.Shared().Changes("carts", after, 1000);
  EXPECT_TRUE(page.ok());
  EXPECT_TRUE(to.Shared().Apply("carts", page->changes).ok());
  return page->next;
}

TEST(ReplicationTest, TheLastWriterWinsEverywhere) {
  Region a("us-east-1");
  Region b("us-west-2");
  a.Put("x", "from a");
  a.Later(1s);
  b.Later(2s);
  b.Put("x", "from b, later");
  const std::uint64_t of_a = Ship(a, b, 0);
  const std::uint64_t of_b = Ship(b, a, 0);
  EXPECT_NE(a.All().find("from b, later"), std::string::npos);
  EXPECT_EQ(a.All(), b.All());
  // At the same instant the Region decides, the same one on both sides.
  a.Later(1s);
  a.Put("y", "from a");
  b.Put("y", "from b");
  Ship(a, b, of_a);
  Ship(b, a, of_b);
  EXPECT_EQ(a.All(), b.All());
  EXPECT_NE(a.All().find("'from b'"), std::string::npos);
  // What came from elsewhere is not shipped on.
  const auto page = a.Shared().Changes("carts", 0, 1000);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->changes.size(), 2U);
}

TEST(ReplicationTest, ADeleteIsNotUndoneByAnOlderWriteThatArrivesLate) {
  Region a("us-east-1");
  Region b("us-west-2");
  b.Put("x", "old");
  a.Later(5s);
  a.Delete("x");  // nothing there: still it was the last word
  Ship(b, a, 0);
  Ship(a, b, 0);
  EXPECT_EQ(a.All(), "{'Count':0,'ScannedCount':0,'Items':[]}");
  EXPECT_EQ(b.All(), a.All());
  a.Kill();
  Ship(b, a, 0);
  EXPECT_EQ(a.All(), "{'Count':0,'ScannedCount':0,'Items':[]}");
  b.Later(10s);
  b.Put("x", "new");
  Ship(b, a, 0);
  EXPECT_EQ(a.All(), b.All());
  EXPECT_NE(a.All().find("new"), std::string::npos);
}

TEST(ReplicationTest, ApplyingTwiceIsApplyingOnce) {
  Region a("us-east-1");
  Region b("us-west-2");
  for (int i = 0; i < 20; ++i) a.Put(std::to_string(i % 7), std::to_string(i));
  a.Delete("3");
  const auto page = a.Shared().Changes("carts", 0, 1000);
  ASSERT_TRUE(page.ok());
  auto changes = page->changes;
  std::reverse(changes.begin(), changes.end());
  for (const ItemChange& change : changes) {
    ASSERT_TRUE(b.Shared().Apply("carts", {change}).ok());
  }
  const auto again = b.Shared().Apply("carts", page->changes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, 0U);
  EXPECT_EQ(a.All(), b.All());
}

TEST(ReplicationTest, ChangesGoOnWhereTheyWereLeftAfterAKill) {
  Region a("us-east-1");
  a.Put("x", "1");
  a.Put("y", "1");
  auto page = a.Shared().Changes("carts", 0, 1);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->changes.size(), 1U);
  a.Kill();
  page = a.Shared().Changes("carts", page->next, 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->changes.size(), 1U);
  EXPECT_EQ(page->changes[0].sequence, a.Shared().LastSequence());
  // Released changes go when nobody else needs them.
  ASSERT_TRUE(a.Shared().Release("carts", page->next).ok());
  a.Later(2min);
  page = a.Shared().Changes("carts", 0, 10);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->changes.empty());
}

TEST(ReplicationTest, AWholeTableIsShippedInPieces) {
  Region a("us-east-1");
  Region b("us-west-2");
  for (int i = 0; i < 300; ++i) a.Put(std::to_string(i), "v");
  a.Delete("5");
  const std::uint64_t start = a.Shared().LastSequence();
  std::string from;
  int pieces = 0;
  do {
    const auto piece = a.Shared().Ship("carts", from, 2000);
    ASSERT_TRUE(piece.ok());
    ASSERT_TRUE(b.Shared().Apply("carts", piece->changes).ok());
    from = piece->next;
    ++pieces;
    if (pieces == 2) a.Put("meanwhile", "v");
  } while (!from.empty());
  EXPECT_GT(pieces, 3);
  Ship(a, b, start);
  EXPECT_EQ(a.All(), b.All());
  EXPECT_NE(b.All().find("meanwhile"), std::string::npos);
  EXPECT_NE(b.Ask("DescribeTable", "{'TableName':'carts'}").find("'ItemCount':300,"),
            std::string::npos);
}

}  // namespace
}  // namespace leeward::lab::tables
