// The rows of a reference, from the database that was promoted.
#include "steps/consistency.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

constexpr std::string_view kLineHole = "{line}";

std::string WithLine(std::string sql, const std::string& literal) {
  for (auto at = sql.find(kLineHole); at != std::string::npos;
       at = sql.find(kLineHole, at + literal.size()))
    sql.replace(at, kLineHole.size(), literal);
  return sql;
}

// What is as long as a value may be was perhaps cut, and then names something else.
decide::Naming NotCut(decide::Naming naming) {
  if (naming.key.size() < probe::kMaxColumnText && naming.range.size() < probe::kMaxColumnText)
    return naming;
  decide::Naming bad;
  bad.why = "what it names has " + std::to_string(probe::kMaxColumnText) + " characters or more";
  return bad;
}

Result<probe::SqlAddress> RowsAddress(const Work& work, const model::Reference& reference) {
  const model::Component* component = work.application().Find(reference.from);
  const auto* rds = component == nullptr ? nullptr : std::get_if<model::Rds>(&component->kind);
  if (rds == nullptr)
    return base::Invalid("'" + reference.from.str() + "' is no database of the spec");
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds->instance));
  return DatabaseAt(work, *rds, instance.address, instance.port);
}

}  // namespace

Result<RowsRead> ReadRows(const Work& work, const model::Reference& reference,
                          const std::optional<base::WallTime>& line) {
  ASSIGN_OR_RETURN(const probe::SqlAddress address, RowsAddress(work, reference));
  const base::MonotonicTime deadline = work.Within(work.limits().reference_query);
  const auto cancelled = [&] { return work.Cancelled(); };
  const auto most = static_cast<std::size_t>(work.limits().reference_rows);
  // Where the line is not known every row may be behind it.
  const base::WallTime from = line.value_or(base::WallTime{});
  ASSIGN_OR_RETURN(
      std::vector<probe::AnswerRow> answer,
      work.shared().sessions.With(address, deadline, cancelled, [&](probe::SqlSession& session) {
        return session.Rows(
            {WithLine(reference.sql, session.Literal(from)), reference.at, most + 1}, deadline,
            cancelled);
      }));
  RowsRead read;
  read.all = answer.size() <= most;
  if (!read.all) answer.resize(most);
  read.rows.reserve(answer.size());
  for (probe::AnswerRow& row : answer) {
    decide::LookedAt& one = read.rows.emplace_back();
    one.row = std::move(row.columns);
    one.at = row.at;
    one.naming = NotCut(decide::NamingOf(reference, one.row));
    one.why = one.naming.why;
  }
  return read;
}

}  // namespace leeward::steps
