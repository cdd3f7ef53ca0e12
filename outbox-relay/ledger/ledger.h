// What was received from the replication stream and is not yet acknowledged by Kafka, in the
// stream's order: the only place that decides which position may be confirmed to Postgres.
//
//   received   Begin  (row row row)  Commit(end_lsn)   Keepalive(wal_end)   Begin  (row …
//   confirmed  moves to end_lsn or wal_end once every row received before it is acknowledged
//
// Positions are never compared across rows that are still out: a keepalive may carry the end_lsn of
// a transaction whose rows are on their way.
#ifndef ORDER_SAGA_OUTBOX_RELAY_LEDGER_LEDGER_H_
#define ORDER_SAGA_OUTBOX_RELAY_LEDGER_LEDGER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "outbox-relay/source/lsn.h"

namespace relay {

// One entry for each transaction that has rows, however many. Not thread-safe.
class Ledger {
 public:
  // Names a transaction for Ack(). Never 0, never used again.
  using Ticket = uint64_t;

  // `confirmed`: what Postgres was told already, if anything.
  explicit Ledger(Lsn confirmed = {}) : confirmed_(confirmed), received_(confirmed) {}

  // The stream's side, in its order. Between Begin and Commit a transaction is open.
  void Begin(Lsn commit_lsn, int64_t commit_unix_microseconds);
  // A row of the open transaction goes out.
  Ticket AddEvent();
  void Commit(Lsn end_lsn);
  void Keepalive(Lsn wal_end);
  // The stream broke off. If it was inside a transaction, that will come again as a whole.
  void AbandonOpen();

  // Kafka's side: one event of that transaction is durable. Does nothing for an abandoned one.
  void Ack(Ticket ticket);

  // Everything before this is durable at Kafka.
  Lsn confirmed() const { return confirmed_; }
  // The last confirm point that was received. A transaction whose commit record begins before
  // it is in here or done: it need not be taken again as long as this ledger gets its acks.
  Lsn received() const { return received_; }

  // The last transaction that has begun.
  Lsn begun() const { return begun_.commit_lsn; }

  bool open() const { return open_; }
  uint64_t unacked_events() const { return unacked_; }
  // Those with rows out, and those behind them.
  size_t transactions() const { return entries_.size(); }
  // When that transaction was committed; 0 if it is gone.
  int64_t CommitTime(Ticket ticket) const;

  // Commit LSNs of transactions that are wholly durable behind others that are not: when those have
  // to be sent again, these have not.
  std::vector<Lsn> DurableAhead() const;

 private:
  struct Entry {
    Lsn commit_lsn;
    int64_t commit_unix_microseconds = 0;
    Lsn point;  // what to confirm once everything up to here is durable
    uint64_t unacked = 0;
    bool abandoned = false;
  };

  bool IsOpen(size_t index) const { return open_entry_ && index + 1 == entries_.size(); }
  void ReachPoint(Lsn point);
  void Advance();

  Lsn confirmed_;
  Lsn received_;
  std::deque<Entry> entries_;
  Ticket first_ = 1;         // entries_.front()'s
  bool open_ = false;        // between Begin and Commit
  bool open_entry_ = false;  // and it had a row, so that entries_.back() is its
  Entry begun_;              // what the entry will be
  uint64_t unacked_ = 0;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_LEDGER_LEDGER_H_
