#include "libs/postgres/migration.h"

#include <openssl/sha.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/sql_error.h"
#include "libs/postgres/transaction.h"

namespace postgres {
namespace {

// Two migrations at once would both find the same step missing.
constexpr char kLock[] = "SELECT pg_advisory_lock(hashtextextended('order-saga migrate', 0))";
constexpr char kUnlock[] = "SELECT pg_advisory_unlock(hashtextextended('order-saga migrate', 0))";

// Whoever wants a table behind a lock that is waited for waits, too.
constexpr int kLockAttempts = 60;
constexpr std::chrono::seconds kLockPause(1);

constexpr char kCreateTable[] = R"sql(
  CREATE TABLE IF NOT EXISTS schema_migrations (
    component  text        NOT NULL,
    version    integer     NOT NULL,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (component, version));
)sql";

struct Applied {
  int64_t version;
  std::string name;
  std::string checksum;
};

using AppliedByComponent = absl::flat_hash_map<std::string, std::vector<Applied>>;

std::string ChecksumOf(const std::string& sql) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(sql.data()), sql.size(), digest);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), sizeof(digest)));
}

absl::StatusOr<AppliedByComponent> ReadApplied(Connection& connection) {
  auto rows = connection.Execute(
      "SELECT component, version, name, checksum FROM schema_migrations ORDER BY 1, 2");
  if (!rows.ok()) return rows.status();
  AppliedByComponent applied;
  for (int i = 0; i < rows->rows(); ++i) {
    applied[std::string(rows->Text(i, 0))].push_back(
        {rows->Int64(i, 1), std::string(rows->Text(i, 2)), std::string(rows->Text(i, 3))});
  }
  return applied;
}

const Migration* Find(const MigrationSet& set, int64_t version) {
  for (const Migration& migration : set.migrations) {
    if (migration.version == version) return &migration;
  }
  return nullptr;
}

// What was applied and is known to the program must be in the same words.
absl::Status CheckApplied(const MigrationSet& set, const std::vector<Applied>& applied) {
  for (const Applied& one : applied) {
    const Migration* known = Find(set, one.version);
    if (known == nullptr) continue;
    if (one.checksum != ChecksumOf(known->sql)) {
      return absl::FailedPreconditionError(
          absl::StrCat(set.component, ": ", one.name, " was applied with another text than ",
                       known->name, " has now; an applied migration never changes, add a new one"));
    }
  }
  return absl::OkStatus();
}

// In order. One before others that were applied can be missing too, where two branches were merged.
std::vector<const Migration*> Missing(const MigrationSet& set,
                                      const std::vector<Applied>& applied) {
  std::vector<const Migration*> missing;
  for (const Migration& migration : set.migrations) {
    const bool done = std::any_of(applied.begin(), applied.end(), [&](const Applied& one) {
      return one.version == migration.version;
    });
    if (!done) missing.push_back(&migration);
  }
  return missing;
}

absl::Status Apply(Connection& owner, const MigrationSet& set, const Migration& migration,
                   const MigrationVariables& variables) {
  std::string sql = migration.sql;
  for (const auto& [name, identifier] : variables) {
    absl::StrReplaceAll({{absl::StrCat("${", name, "}"), QuoteIdentifier(identifier)}}, &sql);
  }
  absl::StatusOr<Transaction> transaction = Transaction::Begin(owner);
  if (!transaction.ok()) return transaction.status();
  absl::Status run = owner.ExecuteScript("SET LOCAL lock_timeout = '2s'");
  if (run.ok()) run = owner.ExecuteScript(sql);
  if (!run.ok()) {
    absl::Status named(run.code(),
                       absl::StrCat(set.component, " ", migration.name, ": ", run.message()));
    run.ForEachPayload(
        [&](absl::string_view url, const absl::Cord& payload) { named.SetPayload(url, payload); });
    return named;
  }
  auto recorded = transaction->Execute(
      "INSERT INTO schema_migrations (component, version, name, checksum) VALUES ($1, $2, $3, $4)",
      Params()
          .Text(set.component)
          .Int64(migration.version)
          .Text(migration.name)
          .Text(ChecksumOf(migration.sql)));
  if (!recorded.ok()) return recorded.status();
  return transaction->Commit();
}

absl::StatusOr<std::vector<std::string>> MigrateLocked(Connection& owner,
                                                       absl::Span<const MigrationSet* const> sets,
                                                       const MigrationVariables& variables) {
  if (absl::Status made = owner.ExecuteScript(kCreateTable); !made.ok()) return made;
  for (const auto& [name, identifier] : variables) {
    if (name != "service_role") continue;
    absl::Status granted = owner.ExecuteScript(
        absl::StrCat("GRANT SELECT ON schema_migrations TO ", QuoteIdentifier(identifier)));
    if (!granted.ok()) return granted;
  }
  auto applied = ReadApplied(owner);
  if (!applied.ok()) return applied.status();
  for (const MigrationSet* set : sets) {
    absl::Status sound = CheckApplied(*set, (*applied)[set->component]);
    if (!sound.ok()) return sound;
  }
  std::vector<std::string> names;
  for (const MigrationSet* set : sets) {
    for (const Migration* migration : Missing(*set, (*applied)[set->component])) {
      absl::Status done = Apply(owner, *set, *migration, variables);
      for (int again = 0; again < kLockAttempts && ShouldRerun(done); ++again) {
        std::this_thread::sleep_for(kLockPause);
        done = Apply(owner, *set, *migration, variables);
      }
      if (!done.ok()) return done;
      names.push_back(absl::StrCat(set->component, "/", migration->name));
    }
  }
  return names;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Migrate(Connection& owner,
                                                 absl::Span<const MigrationSet* const> sets,
                                                 const MigrationVariables& variables) {
  if (auto locked = owner.Execute(kLock); !locked.ok()) return locked.status();
  auto names = MigrateLocked(owner, sets, variables);
  if (auto unlocked = owner.Execute(kUnlock); !unlocked.ok() && names.ok()) {
    return unlocked.status();
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> CheckMigrated(Connection& connection,
                                                       absl::Span<const MigrationSet* const> sets) {
  auto exists = connection.Execute("SELECT to_regclass('schema_migrations') IS NOT NULL");
  if (!exists.ok()) return exists.status();
  AppliedByComponent applied;
  if (exists->Bool(0, 0)) {
    auto read = ReadApplied(connection);
    if (!read.ok()) return read.status();
    applied = *std::move(read);
  }
  std::vector<std::string> ahead;
  for (const MigrationSet* set : sets) {
    const std::vector<Applied>& done = applied[set->component];
    if (absl::Status sound = CheckApplied(*set, done); !sound.ok()) return sound;
    if (const auto missing = Missing(*set, done); !missing.empty()) {
      return absl::FailedPreconditionError(absl::StrCat("the database lacks migration ",
                                                        set->component, "/", missing.front()->name,
                                                        "; run this program's `migrate` verb"));
    }
    for (const Applied& one : done) {
      if (Find(*set, one.version) == nullptr) {
        ahead.push_back(absl::StrCat(set->component, "/", one.name));
      }
    }
  }
  return ahead;
}

}  // namespace postgres
