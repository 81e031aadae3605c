#include "probe/late_writes.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "probe/database.h"

namespace leeward::probe {
namespace {

constexpr std::size_t kPage = 500;
constexpr base::Duration kCloseTime = std::chrono::seconds(10);

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct Table {
  std::string name;              // quoted and qualified, as PostgreSQL prints it
  std::vector<std::string> key;  // quoted columns of the primary key
};

// A row's number is 32 bits wide: the high half comes from the next number to be given out.
std::string FullXid(const std::string& row) {
  static const std::string kNext = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
  return "(" + kNext + " - ((" + kNext + " - " + row + ".xmin::text::bigint) & 4294967295))";
}

std::string KeyJson(const Table& table, const std::string& row) {
  std::string fields;
  for (const std::string& column : table.key) {
    std::string literal;  // a quoted identifier as a text literal
    for (const char c : column) literal += c == '\'' ? "''" : std::string(1, c);
    if (!fields.empty()) fields += ", ";
    fields += fmt::format("(parse_ident('{}'))[1], {}.{}", literal, row, column);
  }
  return "jsonb_build_object(" + fields + ")";
}

std::string KeyMatch(const Table& table, const std::string& a, const std::string& b) {
  std::string match;
  for (const std::string& column : table.key)
    match += fmt::format("{}{}.{} = {}.{}", match.empty() ? "" : " and ", a, column, b, column);
  return match;
}

// The comparison of one pair of databases.
class Comparison {
 public:
  Comparison(PostgresSession& old_writer, PostgresSession& new_writer, const Divergence& divergence,
             const std::function<base::Status(const LateRow&)>& take, base::MonotonicTime deadline)
      : old_(old_writer),
        new_(new_writer),
        divergence_(divergence),
        take_(take),
        deadline_(deadline) {}

  base::Result<std::vector<LateTable>> Run() {
    for (PostgresSession* session : {&old_, &new_})
      RETURN_IF_ERROR(Do(*session, "begin isolation level repeatable read, read only"));
    base::Result<std::vector<LateTable>> found = CompareAll();
    // Ends both snapshots; a session that broke has none.
    for (PostgresSession* session : {&old_, &new_})
      if (!session->broken()) (void)Do(*session, "rollback");
    return found;
  }

 private:
  base::Status Do(PostgresSession& session, const std::string& statement) {
    const auto done = session.Query(statement, {}, deadline_);
    return done.ok() ? base::Ok() : base::Status(done.error());
  }

  base::Result<std::vector<LateTable>> CompareAll() {
    ASSIGN_OR_RETURN(const std::vector<Table> tables, TablesOf(old_));
    std::vector<LateTable> found;
    for (const Table& table : tables) {
      LateTable counts{.table = table.name};
      base::Status compared = Compare(table, &counts);
      if (!compared.ok()) return base::Error(compared.error()).Context("comparing " + table.name);
      if (counts.all() > 0) found.push_back(std::move(counts));
    }
    return found;
  }

  base::Result<std::vector<Table>> TablesOf(PostgresSession& session) {
    ASSIGN_OR_RETURN(
        const std::vector<Row> rows,
        session.Query("select format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)"
                      " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                      " left join pg_index i on i.indrelid = c.oid and i.indisprimary"
                      " left join lateral unnest(i.indkey) with ordinality k(attnum, place) on true"
                      " left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum"
                      " where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not in"
                      " ('pg_catalog', 'information_schema', 'leeward') order by 1, k.place",
                      {}, deadline_));
    std::vector<Table> tables;
    for (const Row& row : rows) {
      if (tables.empty() || tables.back().name != *row[0]) tables.push_back({*row[0], {}});
      if (row[1] && !row[1]->empty()) tables.back().key.push_back(*row[1]);
    }
    return tables;
  }

  base::Status Compare(const Table& table, LateTable* counts) {
    ASSIGN_OR_RETURN(const std::vector<Row> there,
                     new_.Query("select to_regclass($1) is not null", {table.name}, deadline_));
    const bool known = there.at(0).at(0) == "t";
    RETURN_IF_ERROR(Written(table, known, counts));
    return table.key.empty() || !known ? base::Ok() : Deleted(table, counts);
  }

  // Rows that the old writer wrote late: inserted or changed.
  base::Status Written(const Table& table, bool known, LateTable* counts) {
    const std::string key = table.key.empty() ? "''" : KeyJson(table, "t") + "::text";
    return EachPage(old_,
                    "select " + key + ", to_jsonb(t)::text from only " + table.name + " t where " +
                        FullXid("t") + " >= " + std::to_string(divergence_.oldest_open),
                    [&](const std::vector<Row>& page) -> base::Status {
                      if (!table.key.empty() && known) return LookFor(table, page, counts);
                      for (const Row& row : page) {
                        const LateKind kind =
                            table.key.empty() ? LateKind::kUnkeyed : LateKind::kInserted;
                        RETURN_IF_ERROR(Take(kind, table, row[0].value_or(""), *row[1], counts));
                      }
                      return base::Ok();
                    });
  }

  base::Status LookFor(const Table& table, const std::vector<Row>& page, LateTable* counts) {
    std::string rows;
    for (const Row& row : page) rows += (rows.empty() ? "[" : ",") + *row[1];
    ASSIGN_OR_RETURN(
        const std::vector<Row> verdicts,
        new_.Query("select case when t.doc is null then 'inserted' when t.doc = k.doc then 'same'"
                   " else 'changed' end"
                   " from jsonb_array_elements($1::jsonb) with ordinality k(doc, place)"
                   " cross join lateral jsonb_populate_record(null::" +
                       table.name +
                       ", k.doc) r"
                       " left join lateral (select to_jsonb(x) as doc from only " +
                       table.name + " x where " + KeyMatch(table, "x", "r") +
                       ") t on true order by k.place",
                   {rows + "]"}, deadline_));
    if (verdicts.size() != page.size())
      return base::ServiceBroken(new_.address().Text() + " answered for " +
                                 std::to_string(verdicts.size()) + " of " +
                                 std::to_string(page.size()) + " rows");
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (verdicts[i][0] == "same") continue;
      const LateKind kind = verdicts[i][0] == "changed" ? LateKind::kChanged : LateKind::kInserted;
      RETURN_IF_ERROR(Take(kind, table, *page[i][0], *page[i][1], counts));
    }
    return base::Ok();
  }

  // Rows that the new writer has since before the parting and the old one has no more.
  base::Status Deleted(const Table& table, LateTable* counts) {
    return EachPage(
        new_,
        "select " + KeyJson(table, "t") + "::text from only " + table.name + " t where " +
            FullXid("t") + " < " + std::to_string(divergence_.next),
        [&](const std::vector<Row>& page) -> base::Status {
          std::string keys;
          for (const Row& row : page) keys += (keys.empty() ? "[" : ",") + *row[0];
          ASSIGN_OR_RETURN(
              const std::vector<Row> gone,
              old_.Query("select k.doc::text from jsonb_array_elements($1::jsonb) k(doc)"
                         " cross join lateral jsonb_populate_record(null::" +
                             table.name + ", k.doc) r where not exists (select from only " +
                             table.name + " x where " + KeyMatch(table, "x", "r") + ")",
                         {keys + "]"}, deadline_));
          for (const Row& row : gone)
            RETURN_IF_ERROR(Take(LateKind::kDeleted, table, *row[0], "", counts));
          return base::Ok();
        });
  }

  template <typename OnPage>
  base::Status EachPage(PostgresSession& session, const std::string& select, OnPage on_page) {
    RETURN_IF_ERROR(Do(session, "declare late no scroll cursor for " + select));
    while (true) {
      ASSIGN_OR_RETURN(
          const std::vector<Row> page,
          session.Query("fetch " + std::to_string(kPage) + " from late", {}, deadline_));
      if (!page.empty()) RETURN_IF_ERROR(on_page(page));
      if (page.size() < kPage) return Do(session, "close late");
    }
  }

  base::Status Take(LateKind kind, const Table& table, const std::string& key,
                    const std::string& old_row, LateTable* counts) {
    switch (kind) {
      case LateKind::kInserted:
        ++counts->inserted;
        break;
      case LateKind::kChanged:
        ++counts->changed;
        break;
      case LateKind::kDeleted:
        ++counts->deleted;
        break;
      case LateKind::kUnkeyed:
        ++counts->unkeyed;
        break;
      case LateKind::kTransaction:
        ++counts->transactions;
        break;
    }
    return take_(LateRow{table.name, kind, key, old_row});
  }

  PostgresSession& old_;
  PostgresSession& new_;
  const Divergence& divergence_;
  const std::function<base::Status(const LateRow&)>& take_;
  const base::MonotonicTime deadline_;
};

}  // namespace

std::string_view Name(LateKind kind) {
  switch (kind) {
    case LateKind::kInserted:
      return "inserted";
    case LateKind::kChanged:
      return "changed";
    case LateKind::kDeleted:
      return "deleted";
    case LateKind::kUnkeyed:
      return "unkeyed";
    case LateKind::kTransaction:
      return "transaction";
  }
  return "";
}

std::string Divergence::Text() const {
  return std::to_string(oldest_open) + ":" + std::to_string(next);
}

base::Result<Divergence> ParseDivergence(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos) {
    const auto oldest = Number(std::string_view(text).substr(0, colon));
    const auto next = Number(std::string_view(text).substr(colon + 1));
    if (oldest && next && *oldest <= *next) return Divergence{*oldest, *next};
  }
  return base::Invalid("'" + text + "' is no pair of transaction numbers, such as 746:751");
}

base::Result<Divergence> ReadDivergence(PostgresSession& replica, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   replica.Query("select pg_snapshot_xmin(s)::text || ':' || pg_snapshot_xmax(s),"
                                 " pg_is_in_recovery() from pg_current_snapshot() s",
                                 {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][0])
    return base::ServiceBroken(replica.address().Text() + " gave no snapshot");
  if (rows[0][1] != "t")
    return base::WrongState(replica.address().Text() +
                            " is no replica any more: where it parted cannot be read");
  return ParseDivergence(*rows[0][0]);
}

base::Result<std::vector<LateTable>> FindLateWrites(
    PostgresSession& old_writer, PostgresSession& new_writer, const Divergence& divergence,
    const std::function<base::Status(const LateRow&)>& take, base::MonotonicTime deadline) {
  return Comparison(old_writer, new_writer, divergence, take, deadline).Run();
}

base::Result<std::vector<LateTable>> FindLateWritesOfClosed(
    const PostgresAddress& old_writer, const PostgresAddress& new_writer,
    const Divergence& divergence, const std::function<base::Status(const LateRow&)>& take,
    const LateReader& reader) {
  const auto open = [&](const PostgresAddress& address) {
    return PostgresSession::Open(address, reader.resolver, reader.deadline, reader.clock,
                                 reader.cancelled);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<PostgresSession> fresh, open(new_writer));
  PostgresAddress control = old_writer;
  control.database = "postgres";
  ASSIGN_OR_RETURN(const std::unique_ptr<PostgresSession> door, open(control));
  RETURN_IF_ERROR(MakeReadOnly(*door, old_writer.database, reader.deadline));
  RETURN_IF_ERROR(OpenDatabase(*door, old_writer.database, reader.deadline));
  const auto look = [&]() -> base::Result<std::vector<LateTable>> {
    ASSIGN_OR_RETURN(const std::unique_ptr<PostgresSession> old, open(old_writer));
    return FindLateWrites(*old, *fresh, divergence, take, reader.deadline);
  };
  base::Result<std::vector<LateTable>> found = look();
  // Closing gets time of its own: the comparison may have used up all of it.
  const base::MonotonicTime closed_by = reader.clock.Monotonic() + kCloseTime;
  RETURN_IF_ERROR(CloseDatabase(*door, old_writer.database, closed_by));
  return found;
}

namespace {

std::string CountsOf(const LateTable& table) {
  if (table.transactions > 0) return " " + std::to_string(table.transactions);
  std::string counts;
  const std::pair<std::uint64_t, LateKind> kinds[] = {{table.inserted, LateKind::kInserted},
                                                      {table.changed, LateKind::kChanged},
                                                      {table.deleted, LateKind::kDeleted},
                                                      {table.unkeyed, LateKind::kUnkeyed}};
  for (const auto& [count, kind] : kinds) {
    if (count == 0) continue;
    counts += (counts.empty() ? " " : ", ") + std::to_string(count) + " " + std::string(Name(kind));
  }
  return counts;
}

}  // namespace

std::string Summary(const std::vector<LateTable>& tables) {
  std::uint64_t all = 0, transactions = 0;
  std::string parts;
  for (const LateTable& table : tables) {
    all += table.all();
    transactions += table.transactions;
    parts += (parts.empty() ? "" : "; ") + table.table + CountsOf(table);
  }
  if (all == 0) return "none";
  const char* unit = transactions > 0 ? " transaction" : " row";
  return std::to_string(all) + unit + (all == 1 ? ": " : "s: ") + parts;
}

}  // namespace leeward::probe
