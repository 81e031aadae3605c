#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/tables/capacity.h"
#include "lab/tables/handlers.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

constexpr std::size_t kMaxKeys = 100;
constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;

// What is asked of one table.
struct Part {
  std::string_view name;  // as the request has it
  const Json* asked = nullptr;
  std::vector<items::Item> keys;
  std::optional<items::Projection> projection;
  Consistency consistency = Consistency::kEventual;
  Table* table = nullptr;
  std::vector<std::string> places;
  std::size_t done = 0;  // keys that were looked for
};

Outcome<Part> ReadPart(std::string_view name, const Json& asked) {
  Part part;
  part.name = name;
  part.asked = &asked;
  RETURN_IF_ERROR(CheckOneKind(asked, {"AttributesToGet"}, {"ProjectionExpression"}));
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(asked, {"ProjectionExpression"}, {}));
  for (const Json& key : Find(asked, "Keys")->GetArray()) {
    ASSIGN_OR_RETURN(items::Item item, items::ItemFromJson(key));
    part.keys.push_back(std::move(item));
  }
  ASSIGN_OR_RETURN(part.projection, ProjectionOf(asked, placeholders));
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  if (FlagOf(asked, "ConsistentRead") == Flag::kOn) part.consistency = Consistency::kStrong;
  return part;
}

Outcome<std::vector<Part>> ReadGets(const Json& body) {
  std::vector<Part> parts;
  std::size_t keys = 0;
  for (const auto& entry : Find(body, "RequestItems")->GetObject()) {
    if (entry.value.IsNull()) continue;
    ASSIGN_OR_RETURN(Part part, ReadPart(TextOf(entry.name), entry.value));
    keys += part.keys.size();
    parts.push_back(std::move(part));
  }
  if (keys > kMaxKeys) {
    return ValidationError("Too many items requested for the BatchGetItem call");
  }
  return parts;
}

Verdict FindTables(const Core& core, std::vector<Part>& parts) {
  std::set<std::string> seen;
  for (Part& part : parts) {
    ASSIGN_OR_RETURN(part.table, TableOfItems(core, part.name));
    RETURN_IF_ERROR(CheckScalars(*part.table, part.projection));
    for (const items::Item& key : part.keys) {
      RETURN_IF_ERROR(items::CheckKey(part.table->keys, key));
      part.places.push_back(ItemPlace(*part.table, key));
      if (!seen.insert(part.places.back()).second) {
        return ValidationError("Provided list of item keys contains duplicates");
      }
    }
  }
  return {};
}

class BatchReader {
 public:
  explicit BatchReader(Core& core) : core_(core) {}

  // The items of one table as JSON, and what they cost.
  Outcome<std::string> ReadTable(Part& part, Meter& meter) {
    std::string out;
    for (; part.done < part.places.size() && !full_; ++part.done) {
      ASSIGN_OR_RETURN(const Found found, ReadItem(core_, part.places[part.done]));
      full_ = bytes_ + found.size() > kMaxAnswerBytes;
      if (full_) break;
      meter.Read(ReadUnits(found.size(), part.consistency));
      if (!found.exists()) continue;
      bytes_ += found.size();
      if (!out.empty()) out += ',';
      if (part.projection) {
        items::AppendJson(part.projection->Apply(found.item()), out);
      } else {
        CHECK(items::AppendJsonFromStored(found.head().item, out).ok());
      }
    }
    return out;
  }

 private:
  Core& core_;
  std::size_t bytes_ = 0;
  bool full_ = false;
};

// The part as it was asked for, with the keys that are left.
void AppendUnprocessed(const Part& part, std::string& out) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  for (const auto& member : part.asked->GetObject()) {
    if (member.value.IsNull()) continue;
    member.name.Accept(writer);
    if (TextOf(member.name) != "Keys") {
      member.value.Accept(writer);
      continue;
    }
    writer.StartArray();
    for (auto i = static_cast<rapidjson::SizeType>(part.done); i < member.value.Size(); ++i) {
      member.value[i].Accept(writer);
    }
    writer.EndArray();
  }
  writer.EndObject();
  items::AppendJsonString(part.name, out);
  out += ':';
  out.append(buffer.GetString(), buffer.GetSize());
}

Outcome<std::string> CarryGets(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(std::vector<Part> parts, ReadGets(request.body));
  RETURN_IF_ERROR(FindTables(core, parts));
  const Shown shown = ShownBy(request.body);
  BatchReader reader(core);
  std::string responses;
  std::string left;
  std::string consumed;
  std::size_t served = 0;
  for (Part& part : parts) {
    const Verdict admitted = AdmitRead(core, *part.table);
    Meter meter(*part.table, part.name);
    std::string found;
    if (admitted.ok()) {
      ASSIGN_OR_RETURN(found, reader.ReadTable(part, meter));
      ++served;
    } else if (served == 0 && &part == &parts.back()) {
      return ApiError(admitted.error());
    }
    meter.Charge();
    responses += responses.empty() ? "" : ",";
    items::AppendJsonString(part.name, responses);
    responses += fmt::format(":[{}]", found);
    if (part.done < part.places.size()) {
      left += left.empty() ? "" : ",";
      AppendUnprocessed(part, left);
    }
    consumed += consumed.empty() ? "" : ",";
    meter.Append(shown, Meter::Form::kPlain, consumed);
  }
  std::string out =
      fmt::format(R"({{"Responses":{{{}}},"UnprocessedKeys":{{{}}})", responses, left);
  if (shown != Shown::kNone) out += fmt::format(R"(,"ConsumedCapacity":[{}])", consumed);
  return out + '}';
}

}  // namespace

WireAnswer BatchGetItem(const Request& request) { return ToAnswer(CarryGets(request)); }

}  // namespace leeward::lab::tables
