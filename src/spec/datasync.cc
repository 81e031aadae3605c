#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::DataSync;
using model::SyncAttribute;

constexpr base::Duration kShortestEvery = std::chrono::hours(1);
constexpr base::Duration kLongestEvery = std::chrono::hours(24 * 31);
constexpr base::Duration kOneMinute = std::chrono::minutes(1);
constexpr std::int64_t kMaxPatterns = 100;
constexpr std::size_t kMaxFilter = 102'400;  // of all patterns with '|' between, by DataSync

bool IsPattern(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '|') return false;
  }
  return !text.empty();
}
bool AllowsInclude(std::string_view text) { return IsPattern(text) && text.front() == '/'; }
bool AllowsExclude(std::string_view text) {
  return IsPattern(text) && (text.front() == '/' || text.front() == '*');
}

const TextRule kInclude = {"a path from the root on, such as /images or /images/2026*, without '|'",
                           "^/[^|\\x00-\\x1f\\x7f]*$", AllowsInclude};
const TextRule kExclude = {
    "a path from the root on, or an end of paths, such as /cache or *.tmp, without '|'",
    "^[/*][^|\\x00-\\x1f\\x7f]*$", AllowsExclude};

// As any duration, but what is too short has DataSync's reason.
Field<DataSync> EveryField() {
  Field<DataSync> field = TimeField<DataSync>(
      "every", &DataSync::every, {kShortestEvery, kLongestEvery}, Need::kOptional,
      "between the starts of two executions, in whole minutes; default: 1h");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, DataSync& synced) {
    const auto asked = base::ParseDuration(node.IsScalar() ? std::string_view(node.Scalar()) : "");
    if (asked.ok() && *asked < kShortestEvery) {
      context.Complain(node, name + " is '" + node.Scalar() + "', and DataSync's least is an hour",
                       "write 1h or more, or kind: efs, whose replication follows within minutes");
      return;
    }
    if (asked.ok() && *asked % kOneMinute != base::Duration::zero()) {
      context.Complain(node, name + " is '" + node.Scalar() + "', and DataSync counts in minutes",
                       "write whole minutes, such as 90m");
      return;
    }
    read(context, node, name, synced);
  };
  return field;
}

Field<DataSync> PatternsField(const char* key, std::vector<std::string> DataSync::*member,
                              const TextRule& rule, const char* help) {
  return {{key, Need::kOptional, ListShape(TextShape(rule), kMaxPatterns), help},
          [member, &rule](Context& context, const YAML::Node& node, const std::string& name,
                          DataSync& synced) {
            if (!context.List(node, name, kMaxPatterns)) return;
            std::size_t length = 0;
            for (const YAML::Node& entry : node) {
              std::string pattern;
              if (!context.Text(entry, "an entry of " + name, rule, &pattern)) continue;
              length += pattern.size() + 1;
              (synced.*member).push_back(std::move(pattern));
            }
            if (length > kMaxFilter) {
              context.Complain(node, name + " is longer than a filter of DataSync's may be",
                               "write at most " + std::to_string(kMaxFilter) + " bytes");
            }
          }};
}

Field<DataSync> AttributeField(const char* key, SyncAttribute DataSync::*member, const char* help) {
  return WordField<DataSync>(key, member, model::AllOf<SyncAttribute>(), Need::kOptional, help);
}

}  // namespace

const Kind& DataSyncKind() {
  using model::AllOf;
  static const Kind kKind = {
      "datasync",
      "an EFS file system in both Regions, the standby's brought up to date by a DataSync task",
      DataSync{},
      FieldsOf<DataSync>({
          FileSystemField<DataSync>(),
          MountGroupField<DataSync>(),
          MountSubnetsField<DataSync>(),
          EveryField(),
          WordField("verify", &DataSync::verify, AllOf<model::SyncVerify>(), Need::kOptional,
                    "what is read again after it was copied; all compares both trees to the end, "
                    "and fails while files change; default: transferred"),
          WordField("overwrite", &DataSync::overwrite, AllOf<model::SyncOverwrite>(),
                    Need::kOptional,
                    "files that differ in the copy; with never, what was changed does not arrive; "
                    "default: always"),
          WordField("deleted", &DataSync::deleted, AllOf<model::SyncDeleted>(), Need::kOptional,
                    "what was deleted at the source; remove deletes it in the copy too, so have a "
                    "backup beside it; default: keep"),
          AttributeField("owner", &DataSync::owner, "uid and gid of files; default: keep"),
          AttributeField("permissions", &DataSync::permissions, "POSIX modes; default: keep"),
          AttributeField("times", &DataSync::times, "when files were changed; default: keep"),
          IntegerField("bytes-per-second", &DataSync::bytes_per_second, {1, 2'147'483'647},
                       Need::kOptional, "that a task uses at most; default: no limit"),
          PatternsField("include", &DataSync::include, kInclude,
                        "what alone is copied; default: everything"),
          PatternsField("exclude", &DataSync::exclude, kExclude,
                        "what is not copied; default: nothing"),
          WordField("transfer", &DataSync::transfer, AllOf<model::SyncTransfer>(), Need::kOptional,
                    "all sends everything each time, without comparing; default: changed"),
      })};
  return kKind;
}

}  // namespace leeward::spec
