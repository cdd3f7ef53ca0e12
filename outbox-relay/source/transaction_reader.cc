#include "outbox-relay/source/transaction_reader.h"

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/source/publication.h"

namespace relay {

absl::StatusOr<TransactionReader::Step> TransactionReader::Read(std::string_view bytes) {
  absl::StatusOr<pgoutput::Message> message = pgoutput::Decode(bytes);
  if (!message.ok()) return message.status();
  if (const auto* insert = std::get_if<pgoutput::Insert>(&*message)) return Insert(*insert);
  if (const auto* begin = std::get_if<pgoutput::Begin>(&*message)) return Begin(*begin);
  if (const auto* commit = std::get_if<pgoutput::Commit>(&*message)) return Commit(*commit);
  if (const auto* relation = std::get_if<pgoutput::Relation>(&*message)) {
    tables_[relation->id] = std::make_unique<OutboxTable>(*relation);
    last_table_ = nullptr;
  }
  if (const auto* other = std::get_if<pgoutput::Unexpected>(&*message); other && !warned_) {
    warned_ = true;
    telemetry::Warn(
        "the publication sends more than inserts; they are ignored",
        {{"what", other->what},
         {"fix", absl::StrCat("leave it, or ALTER PUBLICATION outbox SET (publish = 'insert')",
                              kAfterAltering)}});
  }
  return Step::kNothing;
}

absl::StatusOr<TransactionReader::Step> TransactionReader::Begin(const pgoutput::Begin& begin) {
  if (in_transaction_) return absl::InvalidArgumentError("pgoutput: Begin inside a transaction");
  in_transaction_ = true;
  commit_lsn_ = begin.commit_lsn;
  commit_unix_microseconds_ = begin.commit_unix_microseconds;
  return Step::kBegin;
}

absl::StatusOr<TransactionReader::Step> TransactionReader::Commit(const pgoutput::Commit& commit) {
  if (!in_transaction_ || commit.commit_lsn != commit_lsn_ || commit.end_lsn <= commit_lsn_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pgoutput: Commit at ", ToString(commit.commit_lsn), " to ", ToString(commit.end_lsn),
        " does not end the transaction at ", in_transaction_ ? ToString(commit_lsn_) : "none"));
  }
  in_transaction_ = false;
  end_lsn_ = commit.end_lsn;
  return Step::kCommit;
}

absl::StatusOr<TransactionReader::Step> TransactionReader::Insert(const pgoutput::Insert& insert) {
  if (!in_transaction_) return absl::InvalidArgumentError("pgoutput: Insert outside a transaction");
  if (last_table_ == nullptr || insert.relation_id != last_id_) {
    const auto found = tables_.find(insert.relation_id);
    if (found == tables_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("pgoutput: Insert into the unknown relation ", insert.relation_id));
    }
    last_id_ = insert.relation_id;
    last_table_ = found->second.get();
  }
  if (!last_table_->usable().ok()) return last_table_->usable();
  absl::Status read = last_table_->Read(insert.tuple, commit_unix_microseconds_, event_);
  if (!read.ok()) return read;
  return Step::kEvent;
}

}  // namespace relay
