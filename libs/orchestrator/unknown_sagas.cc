#include "libs/orchestrator/unknown_sagas.h"

#include <algorithm>
#include <iterator>

namespace orchestrator {
namespace {

// Strangers may name any saga; beyond this many everything is learnt anew.
constexpr size_t kMaxMissed = 10'000;

// The other transactions that have written to the table of sagas and have not ended. Their locks go
// after their rows have become visible.
constexpr char kWriters[] = R"sql(
  SELECT DISTINCT virtualtransaction FROM pg_locks
   WHERE locktype = 'relation' AND relation = 'sagas'::regclass AND mode = 'RowExclusiveLock'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND pid <> pg_backend_pid()
)sql";

}  // namespace

absl::Status UnknownSagas::Confirm(postgres::Transaction& transaction,
                                   const std::vector<uuid::Uuid>& tx_ids) {
  if (tx_ids.empty()) return absl::OkStatus();
  auto rows = transaction.Execute(kWriters);
  if (!rows.ok()) return rows.status();
  Writers writing;
  for (int i = 0; i < rows->rows(); ++i) writing.emplace(rows->Text(i, 0));

  if (missed_.size() + tx_ids.size() > kMaxMissed) missed_.clear();
  bool may_appear = false;
  for (const uuid::Uuid& tx_id : tx_ids) {
    auto [missed, is_new] = missed_.try_emplace(tx_id, writing);
    Writers left;
    std::ranges::set_intersection(missed->second, writing, std::inserter(left, left.end()));
    missed->second = std::move(left);
    may_appear = may_appear || !missed->second.empty();
  }
  if (may_appear) return absl::AbortedError("a reply is faster than its saga, or has none");

  // Once more: whoever was writing at the first look may have ended before we asked who is.
  auto found = transaction.Execute("SELECT FROM sagas WHERE tx_id = ANY ($1::uuid[]) LIMIT 1",
                                   postgres::Params().Ids(tx_ids));
  if (!found.ok()) return found.status();
  for (const uuid::Uuid& tx_id : tx_ids) missed_.erase(tx_id);
  return found->rows() == 0 ? absl::OkStatus()
                            : absl::AbortedError("a reply was faster than its saga");
}

}  // namespace orchestrator
