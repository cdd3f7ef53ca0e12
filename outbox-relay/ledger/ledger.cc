#include "outbox-relay/ledger/ledger.h"

#include <algorithm>

#include "libs/telemetry/check.h"

namespace relay {

void Ledger::Begin(Lsn commit_lsn, int64_t commit_unix_microseconds) {
  ORDER_SAGA_CHECK(!open_, "a transaction begins after the one before it ended");
  open_ = true;
  begun_ = {.commit_lsn = commit_lsn, .commit_unix_microseconds = commit_unix_microseconds};
}

Ledger::Ticket Ledger::AddEvent() {
  ORDER_SAGA_CHECK(open_, "a row stands inside a transaction");
  if (!open_entry_) {
    entries_.push_back(begun_);
    open_entry_ = true;
  }
  ++entries_.back().unacked;
  ++unacked_;
  return first_ + entries_.size() - 1;
}

void Ledger::Commit(Lsn end_lsn) {
  ORDER_SAGA_CHECK(open_, "a commit ends a transaction");
  open_ = open_entry_ = false;
  ReachPoint(end_lsn);
}

void Ledger::Keepalive(Lsn wal_end) {
  // Inside a transaction it says nothing that the Commit will not say better.
  if (!open_) ReachPoint(wal_end);
}

void Ledger::AbandonOpen() {
  if (open_entry_) {
    unacked_ -= entries_.back().unacked;
    entries_.back().unacked = 0;
    entries_.back().abandoned = true;
  }
  open_ = open_entry_ = false;
  Advance();
}

// All that was received before `point` stands in the ledger already, so the last entry's own point
// may be raised to it: neither keepalives nor transactions without rows need an entry.
void Ledger::ReachPoint(Lsn point) {
  received_ = std::max(received_, point);
  Lsn& last = entries_.empty() ? confirmed_ : entries_.back().point;
  last = std::max(last, point);
  Advance();
}

void Ledger::Ack(Ticket ticket) {
  if (ticket < first_ || ticket - first_ >= entries_.size()) return;
  Entry& entry = entries_[ticket - first_];
  if (entry.abandoned) return;
  ORDER_SAGA_CHECK(entry.unacked > 0, "no event is acknowledged twice");
  --entry.unacked;
  --unacked_;
  if (ticket == first_) Advance();
}

void Ledger::Advance() {
  while (!entries_.empty() && entries_.front().unacked == 0 && !IsOpen(0)) {
    confirmed_ = std::max(confirmed_, entries_.front().point);
    entries_.pop_front();
    ++first_;
  }
}

int64_t Ledger::CommitTime(Ticket ticket) const {
  if (ticket < first_ || ticket - first_ >= entries_.size()) return 0;
  return entries_[ticket - first_].commit_unix_microseconds;
}

std::vector<Lsn> Ledger::DurableAhead() const {
  std::vector<Lsn> durable;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.unacked == 0 && !entry.abandoned && !IsOpen(i)) durable.push_back(entry.commit_lsn);
  }
  return durable;
}

}  // namespace relay
