#include "libs/inbox/unit.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "libs/inbox/park.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"

namespace inbox {
namespace {

constexpr size_t kMaxSavepoints = 64;
// A saga's key is a UUID. What is much longer names none, and might not fit an index.
constexpr size_t kMaxParkedKey = 256;

// Is the fault in a message, so that the others should go on without it?
bool MayBeAMessagesFault(const absl::Status& status) {
  if (postgres::IsDataFault(status)) return true;
  const bool own = postgres::SqlState(status).empty();
  return own && (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
                 absl::IsDataLoss(status));
}

// Claims the messages' ids and answers those that nobody had claimed. Sorted, so that two doors
// never wait for each other in a circle.
absl::StatusOr<absl::flat_hash_set<uuid::Uuid>> Claim(postgres::Transaction& transaction,
                                                      absl::Span<Delivery* const> batch) {
  std::vector<uuid::Uuid> ids;
  ids.reserve(batch.size());
  for (const Delivery* delivery : batch) ids.push_back(delivery->id());
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  auto rows = transaction.Execute(
      "INSERT INTO inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id",
      postgres::Params().Ids(ids));
  if (!rows.ok()) return rows.status();
  absl::flat_hash_set<uuid::Uuid> claimed;
  for (int i = 0; i < rows->rows(); ++i) claimed.insert(rows->Id(i, 0));
  return claimed;
}

// To the topic's dead letters; a line says so when that is committed.
void SendDeadLetter(outbox::UnitOfWork& work, const Delivery& delivery) {
  work.outbox().Add(DeadLetterEvent(delivery));
  // Copies: the message may be gone by then.
  work.AfterCommit([topic = std::string(delivery.topic()), partition = delivery.partition(),
                    offset = delivery.offset(), key = delivery.key(),
                    trace_id = std::string(delivery.trace_id()),
                    why = delivery.dead_letter().value_or("")] {
    telemetry::Warn("dead letter: the message is put aside for a person, nothing waits for it",
                    {{"topic", topic},
                     {"partition", partition},
                     {"offset", offset},
                     {"tx_id", key},
                     {"trace_id", trace_id},
                     {"error", why},
                     {"fix", "see docs/runbooks/dead_letters.md"}});
  });
}

// Claims and handles messages of sagas that are not parked.
absl::Status Apply(outbox::UnitOfWork& work, Handler& handler, absl::Span<Delivery* const> batch,
                   Outcomes& outcomes) {
  if (batch.empty()) return absl::OkStatus();
  auto claimed = Claim(work.transaction(), batch);
  if (!claimed.ok()) return claimed.status();
  std::vector<Delivery*> fresh;
  for (Delivery* delivery : batch) {
    // Erased, so that the same id twice in one batch is applied once.
    if (claimed->erase(delivery->id()) > 0) {
      fresh.push_back(delivery);
    } else {
      ++outcomes.duplicates;
    }
  }
  if (fresh.empty()) return absl::OkStatus();
  if (absl::Status handled = handler.Handle(work, fresh); !handled.ok()) return handled;
  for (const Delivery* delivery : fresh) {
    if (delivery->dead_letter().has_value()) {
      SendDeadLetter(work, *delivery);
      ++outcomes.dead_letters;
    } else {
      ++outcomes.applied;
    }
  }
  return absl::OkStatus();
}

// The readable part of a batch; the rest goes to the dead letters.
std::vector<Delivery*> Readable(outbox::UnitOfWork& work, const uuid::Uuid& oldest,
                                absl::Span<Delivery> batch, Outcomes& outcomes) {
  std::vector<Delivery*> readable;
  for (Delivery& delivery : batch) {
    if (!delivery.dead_letter().has_value() && uuid::IsV7(delivery.id()) &&
        delivery.id() < oldest) {
      delivery.DeadLetter("too old: the inbox no longer remembers whether it was applied");
    }
    if (delivery.dead_letter().has_value()) {
      SendDeadLetter(work, delivery);
      ++outcomes.dead_letters;
    } else {
      readable.push_back(&delivery);
    }
  }
  return readable;
}

absl::Status ApplyTogether(postgres::Connection& connection, Handler& handler,
                           const uuid::Uuid& oldest, absl::Span<Delivery> batch,
                           Outcomes& outcomes) {
  auto work = outbox::UnitOfWork::Begin(connection);
  if (!work.ok()) return work.status();
  const std::vector<Delivery*> readable = Readable(*work, oldest, batch, outcomes);
  auto parked = LockParkedKeys(work->transaction(), readable);
  if (!parked.ok()) return parked.status();
  std::vector<Delivery*> held, free;
  for (Delivery* delivery : readable) {
    (parked->contains(delivery->key()) ? held : free).push_back(delivery);
  }
  auto put = ParkMessages(work->transaction(), held);
  if (!put.ok()) return put.status();
  outcomes.parked += *put;
  outcomes.duplicates += static_cast<int64_t>(held.size()) - *put;
  if (absl::Status applied = Apply(*work, handler, free, outcomes); !applied.ok()) return applied;
  return work->Commit();
}

// One message that failed alone: parked with its saga, or, where no key says which saga that is,
// a dead letter.
absl::Status SetAside(outbox::UnitOfWork& work, Delivery& delivery, const absl::Status& error,
                      Outcomes& outcomes) {
  telemetry::Error("message cannot be applied", {{"topic", delivery.topic()},
                                                 {"partition", delivery.partition()},
                                                 {"offset", delivery.offset()},
                                                 {"tx_id", delivery.key()},
                                                 {"trace_id", delivery.trace_id()},
                                                 {"error", error.ToString()}});
  if (delivery.key().empty() || delivery.key().size() > kMaxParkedKey) {
    delivery.DeadLetter(error.ToString());
    SendDeadLetter(work, delivery);
    ++outcomes.dead_letters;
    return absl::OkStatus();
  }
  absl::Status parked = ParkKey(work.transaction(), delivery.key(), error.ToString());
  if (!parked.ok()) return parked;
  Delivery* one[] = {&delivery};
  auto put = ParkMessages(work.transaction(), one);
  if (put.ok()) ++outcomes.parked;
  return put.status();
}

absl::Status ApplyOneByOne(postgres::Connection& connection, Handler& handler,
                           const uuid::Uuid& oldest, absl::Span<Delivery> batch,
                           Outcomes& outcomes) {
  auto work = outbox::UnitOfWork::Begin(connection);
  if (!work.ok()) return work.status();
  for (Delivery* delivery : Readable(*work, oldest, batch, outcomes)) {
    Delivery* one[] = {delivery};
    auto parked = LockParkedKeys(work->transaction(), one);
    if (!parked.ok()) return parked.status();
    if (!parked->empty()) {
      auto put = ParkMessages(work->transaction(), one);
      if (!put.ok()) return put.status();
      ++(*put > 0 ? outcomes.parked : outcomes.duplicates);
      continue;
    }
    Outcomes outcome;
    absl::Status applied =
        work->RunInSavepoint([&] { return Apply(*work, handler, one, outcome); });
    if (applied.ok()) {
      outcomes += outcome;
      continue;
    }
    if (!MayBeAMessagesFault(applied)) return applied;
    absl::Status aside = SetAside(*work, *delivery, applied, outcomes);
    if (!aside.ok()) return aside;
  }
  return work->Commit();
}

}  // namespace

Outcomes& Outcomes::operator+=(const Outcomes& more) {
  applied += more.applied;
  duplicates += more.duplicates;
  parked += more.parked;
  dead_letters += more.dead_letters;
  return *this;
}

absl::Status ApplyBatch(postgres::Connection& connection, Handler& handler,
                        const uuid::Uuid& oldest, absl::Span<Delivery> batch, Outcomes& outcomes) {
  outcomes = {};
  Outcomes together;
  absl::Status applied = ApplyTogether(connection, handler, oldest, batch, together);
  if (applied.ok()) {
    outcomes = together;
    return absl::OkStatus();
  }
  if (!MayBeAMessagesFault(applied)) return applied;
  telemetry::Warn("batch runs again message by message",
                  {{"messages", batch.size()}, {"error", applied.ToString()}});
  // What the failed attempt marked was undone with it.
  for (Delivery& delivery : batch) delivery = delivery.Fresh();
  for (size_t at = 0; at < batch.size(); at += kMaxSavepoints) {
    Outcomes apart;
    applied = ApplyOneByOne(connection, handler, oldest, batch.subspan(at, kMaxSavepoints), apart);
    if (!applied.ok()) return applied;
    outcomes += apart;
  }
  return absl::OkStatus();
}

}  // namespace inbox
