// DynamoDB tables: a recovery point holds the table's form and its items, taken out of a backup
// that the item store makes of one instant. A restore brings them back into a store, in whichever
// Region, and has it make a table of them.
//
// Where a Region has chosen DynamoDB's own management, a recovery point is a backup of DynamoDB's.
#include <fmt/format.h>

#include <fstream>
#include <set>

#include "lab/dynamo/http_peers.h"
#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"
#include "lab/services/region_links.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::string_view kTable = "table/";
constexpr base::Duration kStoreCall = std::chrono::seconds(30);
constexpr base::Duration kStoreAgain = std::chrono::milliseconds(50);
constexpr base::Duration kStoreWithin = std::chrono::hours(1);
constexpr std::int64_t kPieceBytes = 1 << 20;
constexpr std::size_t kLengthBytes = 4;

fs::path FormFile(const fs::path& folder) { return ContentOf(folder) / "form"; }
fs::path ItemsFile(const fs::path& folder) { return ContentOf(folder) / "items"; }

std::string TableIn(std::string_view arn) {
  std::string name = ParseArn(arn).resource;
  name.erase(0, kTable.size());
  return name.substr(0, name.find('/'));
}

base::Status AppendTo(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << bytes;
  if (!out.flush()) return base::Exhausted("cannot write " + path.native());
  return base::Ok();
}

base::Result<std::string> WholeOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in) return base::Corrupt("cannot read " + path.native());
  return text;
}

std::size_t LengthAt(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length = (length << 8U) | static_cast<unsigned char>(bytes[i]);
  return length;
}

// Whole items of about a piece's size; empty at the end.
base::Result<std::string> NextItems(std::ifstream& in) {
  std::string piece;
  std::string lengths(2 * kLengthBytes, '\0');
  while (piece.size() < static_cast<std::size_t>(kPieceBytes)) {
    if (!in.read(lengths.data(), static_cast<std::streamsize>(lengths.size()))) {
      if (in.gcount() != 0) return base::Corrupt("the items of a recovery point end in one");
      return piece;
    }
    const std::size_t size =
        LengthAt(lengths) + LengthAt(std::string_view(lengths).substr(kLengthBytes));
    const std::size_t begin = piece.size() + lengths.size();
    piece += lengths;
    piece.resize(begin + size);
    if (!in.read(piece.data() + begin, static_cast<std::streamsize>(size)))
      return base::Corrupt("the items of a recovery point end in one");
  }
  return piece;
}

class DynamoDbBackups : public BackupResource {
 public:
  explicit DynamoDbBackups(Host& host) : host_(host) {}

  std::string_view type() const override { return "DynamoDB"; }
  bool Owns(const ArnParts& arn) const override {
    return arn.service == "dynamodb" && arn.resource.starts_with(kTable) &&
           arn.resource.find('/', kTable.size()) == std::string::npos;
  }
  Keeper keeper(const Value& preferences) const override {
    return preferences.Flag("DynamoDB", true) ? Keeper::kVault : Keeper::kService;
  }

  Flow<base::Result<ResourceSeen>> Look(std::string arn) override {
    Value ask = Value::Struct();
    ask.Set("TableName", TableIn(arn));
    const base::Result<Value> table = co_await Operation("DescribeTable", ask);
    if (!table.ok()) co_return table.error();
    const Value& described = table->Sub("Table");
    ResourceSeen seen;
    seen.arn = described.String("TableArn");
    seen.name = described.String("TableName");
    seen.key = described.Sub("SSEDescription").String("KMSMasterKeyArn");
    seen.metadata.Set("originalTableName", seen.name);
    Value named = Value::Struct();
    named.Set("ResourceArn", seen.arn);
    const base::Result<Value> tags = co_await Operation("ListTagsOfResource", named);
    if (tags.ok()) {
      for (const Value& tag : tags->Items("Tags"))
        seen.tags.Set(tag.String("Key"), tag.String("Value"));
    }
    co_return seen;
  }

  Flow<std::vector<ResourceSeen>> List() override {
    std::vector<ResourceSeen> all;
    Value ask = Value::Struct();
    for (;;) {
      const base::Result<Value> page = co_await Operation("ListTables", ask);
      if (!page.ok()) break;
      for (const Value& name : page->Items("TableNames")) {
        const std::string arn = Arn(host_, "dynamodb", std::string(kTable) + name.str());
        const base::Result<ResourceSeen> seen = co_await Look(arn);
        if (seen.ok()) all.push_back(*seen);
      }
      if (!page->Has("LastEvaluatedTableName")) break;
      ask.Set("ExclusiveStartTableName", page->String("LastEvaluatedTableName"));
    }
    co_return all;
  }

  Flow<base::Result<BackedUp>> BackUp(BackupOrder order) override {
    if (order.keeper == Keeper::kService) {
      const base::Result<BackedUp> made = co_await BackUpInDynamoDb(order);
      co_return made;
    }
    Value ask = Value::Struct();
    ask.Set("TableName", TableIn(order.arn)).Set("Name", "awsbackup-" + order.job);
    const base::Result<Value> begun = co_await Part("BackUp", ask);
    if (!begun.ok()) co_return begun.error();
    Value named = Value::Struct();
    named.Set("BackupArn", begun->String("BackupArn"));
    base::Status taken = co_await AwaitBackup(named);
    if (taken.ok()) taken = co_await TakeOut(named, order);
    static_cast<void>(co_await Part("Forget", named));
    if (!taken.ok()) co_return taken.error();
    co_return BackedUp{};
  }

  Problem CheckRestore(const Value& asked) const override {
    if (asked.String("targetTableName").empty())
      return InvalidValue("Invalid restore metadata. You must provide targetTableName");
    const std::string_view encryption = asked.String("encryptionType", "Default");
    if (encryption != "Default" && encryption != "KMS")
      return InvalidValue("Invalid restore metadata. encryptionType is Default or KMS");
    if (encryption != "KMS" && !asked.String("kmsMasterKeyArn").empty()) {
      return InvalidValue(
          "Invalid restore metadata. If kmsMasterKeyArn is specified, encryptionType must be KMS");
    }
    return std::nullopt;
  }

  Flow<base::Result<std::string>> Restore(RestoreOrder order) override {
    Value named = Value::Struct();
    named.Set("BackupArn", order.point_arn);
    const bool in_vault = !order.point_arn.starts_with("arn:aws:dynamodb:");
    // The store holds one copy of a point, which the restore that brought it takes away.
    while (in_vault && importing_.contains(order.point_arn)) co_await Sleep(host_, kStoreAgain);
    if (in_vault) importing_.insert(order.point_arn);
    base::Status ready = base::Ok();
    if (in_vault) ready = co_await BringBack(named, order);
    base::Result<std::string> made = std::string();
    if (ready.ok()) made = co_await MakeTable(named, order);
    if (!ready.ok()) made = ready.error();
    if (in_vault) static_cast<void>(co_await Part("Forget", named));
    importing_.erase(order.point_arn);
    co_return made;
  }

  Problem CheckCopy() const override {
    return InvalidRequest(
        "A recovery point that DynamoDB manages cannot be copied. Turn on the advanced features "
        "for DynamoDB backups (UpdateRegionSettings) and back the table up again.");
  }

  Flow<base::Status> Forget(std::string point_arn) override {
    Value ask = Value::Struct();
    ask.Set("BackupArn", point_arn);
    const base::Result<Value> gone = co_await Operation("DeleteBackup", ask);
    if (!gone.ok()) co_return gone.error();
    co_return base::Ok();
  }

 private:
  using Told = base::Result<ports::HttpResponse>;

  // A store that is being replaced answers soon.
  Flow<Told> Tell(std::string target, std::string body) {
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const auto* store = FindSibling<ReadsItsOwn>(host_, "dynamodb");
      const std::string door = store == nullptr ? std::string() : store->Door();
      Told told = base::Unreachable("DynamoDB does not answer");
      if (!door.empty()) told = co_await Call(door, target, body);
      const bool waits = !told.ok() && told.error().code() == base::ErrorCode::kUnreachable &&
                         host_.clock().Monotonic() - begun < kStoreCall;
      if (!waits) co_return told;
      co_await Sleep(host_, kStoreAgain);
    }
  }

  Await<Told> Call(std::string door, std::string target, std::string body) {
    return Await<Told>([this, door, target, body](Await<Told>::Done done) {
      host_.TellProcess(door, target, body, kStoreCall, std::move(done));
    });
  }

  // As a client's request, without its signature.
  Flow<base::Result<Value>> Operation(std::string name, Value input) {
    const Told told =
        co_await Tell(std::string(dynamo::kOperationsPath) + name, shapes::ToJson(input));
    if (!told.ok()) co_return told.error();
    base::Result<Value> answer = shapes::FromJson(told->body);
    if (!answer.ok()) co_return answer;
    if (told->status == 200) co_return answer;
    const std::string_view type = answer->String("__type");
    const std::string text = fmt::format("{}: {}", type.substr(type.find('#') + 1),
                                         answer->String("message", answer->String("Message")));
    if (told->status >= 500) co_return base::ServiceBroken(text);
    co_return base::NotFound(text);
  }

  Flow<base::Result<Value>> Part(std::string name, Value input) {
    const Told told =
        co_await Tell(std::string(dynamo::kBackupPartsPath) + name, shapes::ToJson(input));
    if (!told.ok()) co_return told.error();
    if (told->status != 200)
      co_return base::ServiceBroken(fmt::format("DynamoDB answered {}", told->status));
    base::Result<Value> answer = dynamo::PeerAnswerFromJson(told->body);
    co_return answer;
  }

  // Also when the job is stopped: one that is being made cannot be forgotten.
  Flow<base::Status> AwaitBackup(Value named) {
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const base::Result<Value> state = co_await Part("State", named);
      if (!state.ok()) co_return state.error();
      if (state->String("Status") == "AVAILABLE") co_return base::Ok();
      if (host_.clock().Monotonic() - begun > kStoreWithin)
        co_return base::Unreachable("DynamoDB has not made the backup in time");
      co_await Sleep(host_, kStoreAgain);
    }
  }

  Flow<base::Status> TakeOut(Value named, BackupOrder order) {
    const base::Result<Value> form = co_await Part("Form", named);
    if (!form.ok()) co_return form.error();
    const base::Status written = AppendTo(FormFile(order.folder), form->String("Form"));
    if (!written.ok()) co_return written;
    Value ask = named;
    ask.Set("Most", kPieceBytes);
    for (;;) {
      if (order.work->stopped) co_return base::Cancelled("stopped");
      const base::Result<Value> piece = co_await Part("Export", ask);
      if (!piece.ok()) co_return piece.error();
      const Value* data = piece->Find("Data");
      if (data == nullptr || !data->is_blob()) co_return base::Corrupt("no items came");
      const base::Status kept = AppendTo(ItemsFile(order.folder), data->blob().bytes);
      if (!kept.ok()) co_return kept;
      order.work->bytes += static_cast<std::int64_t>(data->blob().bytes.size());
      if (!piece->Has("Next")) co_return base::Ok();
      ask.Set("After", *piece->Find("Next"));
    }
  }

  Flow<base::Status> BringBack(Value named, RestoreOrder order) {
    const base::Result<std::string> form = WholeOf(FormFile(order.folder));
    if (!form.ok()) co_return form.error();
    Value begin = named;
    begin.Set("Form", *form);
    const base::Result<Value> begun = co_await Part("BeginImport", begin);
    if (!begun.ok()) co_return begun.error();
    std::ifstream in(ItemsFile(order.folder), std::ios::binary);
    for (;;) {
      base::Result<std::string> items = NextItems(in);
      if (!items.ok()) co_return items.error();
      if (items->empty()) break;
      order.work->bytes += static_cast<std::int64_t>(items->size());
      Value piece = named;
      piece.Set("Data", shapes::Blob{*std::move(items)});
      const base::Result<Value> put = co_await Part("Import", piece);
      if (!put.ok()) co_return put.error();
    }
    const base::Result<Value> ended = co_await Part("EndImport", named);
    if (!ended.ok()) co_return ended.error();
    co_return base::Ok();
  }

  Flow<base::Result<std::string>> MakeTable(Value named, RestoreOrder order) {
    const std::string name(order.asked.String("targetTableName"));
    Value ask = named;
    ask.Set("TargetTableName", name);
    const std::string_view encryption = order.asked.String("encryptionType");
    if (encryption == "Default")
      ask.Set("SSESpecificationOverride", Value::Struct({{"Enabled", false}}));
    if (encryption == "KMS") {
      Value spec = Value::Struct({{"Enabled", true}, {"SSEType", "KMS"}});
      const std::string_view key = order.asked.String("kmsMasterKeyArn");
      if (!key.empty()) spec.Set("KMSMasterKeyId", key);
      ask.Set("SSESpecificationOverride", std::move(spec));
    }
    const base::Result<Value> begun = co_await Operation("RestoreTableFromBackup", ask);
    if (!begun.ok()) co_return begun.error();
    const base::MonotonicTime start = host_.clock().Monotonic();
    Value look = Value::Struct();
    look.Set("TableName", name);
    for (;;) {
      const base::Result<Value> table = co_await Operation("DescribeTable", look);
      if (!table.ok()) co_return table.error();
      if (table->Sub("Table").String("TableStatus") == "ACTIVE")
        co_return std::string(table->Sub("Table").String("TableArn"));
      if (host_.clock().Monotonic() - start > kStoreWithin)
        co_return base::Unreachable("DynamoDB has not restored the table in time");
      co_await Sleep(host_, kStoreAgain);
    }
  }

  Flow<base::Result<BackedUp>> BackUpInDynamoDb(BackupOrder order) {
    Value ask = Value::Struct();
    ask.Set("TableName", TableIn(order.arn)).Set("BackupName", "awsbackup-" + order.job);
    const base::Result<Value> made = co_await Operation("CreateBackup", ask);
    if (!made.ok()) co_return made.error();
    Value named = Value::Struct();
    named.Set("BackupArn", made->Sub("BackupDetails").String("BackupArn"));
    const base::Status whole = co_await AwaitBackup(named);
    if (!whole.ok()) co_return whole.error();
    BackedUp backed;
    backed.point_arn = named.String("BackupArn");
    backed.bytes = made->Sub("BackupDetails").Int("BackupSizeBytes");
    const base::Result<ResourceSeen> seen = co_await Look(order.arn);
    if (seen.ok()) backed.key = seen->key;
    co_return backed;
  }

  Host& host_;
  std::set<std::string> importing_;  // points
};

}  // namespace

std::unique_ptr<BackupResource> MakeDynamoDbBackups(Host& host) {
  return std::make_unique<DynamoDbBackups>(host);
}

}  // namespace leeward::lab::backup
