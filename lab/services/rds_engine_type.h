// EngineType: what the RDS API knows of a database engine before a server of it runs: names,
// versions, limits and parameters; and how its servers are made. Constants but for the version.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lab/services/rds_engine.h"
#include "shapes/value.h"

namespace leeward::lab::rds {

enum class ParameterKind : std::uint8_t { kBoolean, kInteger, kWords };

// A parameter that customers may set here; each is the engine's own and takes effect at once.
struct ParameterRow {
  std::string_view name;
  ParameterKind kind;
  std::span<const std::string_view> words;  // that kWords takes
};

// What becomes of replicas whose source is deleted.
enum class Orphans : std::uint8_t { kWait, kPromoted };
// How a replica reaches a source in its own Region; in another Region it is always an address.
enum class LocalPath : std::uint8_t { kSocket, kAddress };
// When the empty cluster that new instances are copied from is made.
enum class TemplateMade : std::uint8_t { kAhead, kOnDemand };

struct EngineType {
  std::string_view name;                 // "postgres"
  std::string_view description;          // "PostgreSQL"
  std::string_view major;                // "15"
  std::string (*version)();              // of the installed server, "15.18"
  std::string_view version_description;  // what precedes the version in its description
  std::string_view family;
  std::string_view default_group;
  std::string_view license;
  std::uint16_t port;
  std::size_t max_user;
  std::size_t max_password;
  std::size_t max_database;
  std::span<const std::string_view> reserved_users;
  std::string_view reserved_prefix;  // of user names; empty: none
  std::span<const std::string_view> log_types;
  std::span<const ParameterRow> parameters;
  std::span<const std::string_view> backup_files;  // that BackUpTo may write
  std::string_view template_directory;
  TemplateMade template_made;
  LocalPath local_path;
  Origin origin;  // whether its server can be told who connects
  bool replica_takes_parameter_group;
  const LogFiles& (*log)();  // what automated backups keep of it, to restore to a point in time
  Orphans orphans;
  bool (*installed)();
  std::shared_ptr<Engine> (*make)(Host& host, std::filesystem::path directory, Secrets secrets);
};

std::span<const EngineType* const> EngineTypes();
const EngineType* FindEngineType(std::string_view name);  // nullptr: not served
const EngineType* FindFamily(std::string_view family);    // nullptr: not served
// Of an instance or a snapshot by the settings it was made with.
const EngineType& TypeOf(const shapes::Value& settings);
// Whether a request's EngineVersion asks for the version that is here.
bool MatchesVersion(const EngineType& type, std::string_view asked);
const ParameterRow* FindParameter(const EngineType& type, std::string_view name);
bool IsGoodValue(const ParameterRow& row, std::string_view value);
std::string_view DataTypeOf(const ParameterRow& row);  // as the API names it

}  // namespace leeward::lab::rds
