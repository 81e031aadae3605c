#include "lease/in_store.h"

#include <utility>
#include <variant>

namespace leeward::lease {

base::Result<std::optional<Seen>> ReadFrom(ports::SharedStore& store, const std::string& key,
                                           base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry, store.Get(key, deadline));
  if (!entry) return std::optional<Seen>();
  ASSIGN_OR_RETURN(Record record, RecordFromJson(entry->value));
  return std::optional(Seen{std::move(record), entry->revision});
}

std::optional<Seen> Give(Taker& taker, const TakerEvent& event, ports::SharedStore& store,
                         const std::string& key, const ports::Clock& clock) {
  for (const TakerAction& action : taker.On(event, clock.Monotonic())) {
    std::optional<Seen> taken;
    if (const auto* read = std::get_if<Read>(&action)) {
      const ReadDone done{read->request, ReadFrom(store, key, read->deadline)};
      taken = Give(taker, done, store, key, clock);
    } else if (const auto* put = std::get_if<Put>(&action)) {
      const PutDone done{put->request,
                         store.Put(key, ToJson(put->record), put->expected, put->deadline)};
      taken = Give(taker, done, store, key, clock);
    } else {
      taken = std::get<Taken>(action).seen;
    }
    if (taken) return taken;
  }
  return std::nullopt;
}

}  // namespace leeward::lease
