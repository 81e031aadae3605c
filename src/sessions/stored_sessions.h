// StoredSessions: sessions in a store, found by the id that the client holds. Three of the ways:
// Redis through a Global Datastore, a DynamoDB global table, and, with `exchange`, each Region's
// own store with the services exchanging what changes.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "sessions/base_sessions.h"

namespace leeward::sessions {

class StoredSessions : public BaseSessions {
 public:
  enum class Replication {
    kByTheStore,
    kByTheServices,  // merged field by field
  };
  StoredSessions(Terms terms, Place place, Surroundings around, Replication replication);

  base::Result<View> Create(const NewSession& wanted) override;
  base::Result<View> Read(std::string_view credential) override;
  base::Result<View> Touch(std::string_view credential) override;
  base::Result<View> ChangeData(std::string_view credential, const Change& change) override;
  base::Result<Revoked> Revoke(std::string_view credential) override;
  std::string Jwks() const override { return ""; }
  base::Result<std::string> RotateKeys() override;
  base::Status WithdrawKey(const std::string& kid) override;

 protected:
  std::vector<session::Handle> TakeEntries(const std::vector<session::Held>& entries) override;

 private:
  using Alter = std::function<base::Status(session::Session*)>;
  base::Result<View> Update(std::string_view credential, const Alter& alter);
  base::Status MergeIn(const session::Held& entry, base::MonotonicTime deadline);
  base::Status Observe(const session::Session& session);
  session::Stamp Now();

  const Replication replication_;
  std::mutex clock_mutex_;
  session::HybridClock hybrid_;
};

}  // namespace leeward::sessions
