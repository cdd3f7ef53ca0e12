#include "outbox-relay/ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Begins at `commit`, ends at `end`, with `events` rows.
Ledger::Ticket Transaction(Ledger& ledger, uint64_t commit, uint64_t end, int events) {
  ledger.Begin(Lsn{commit}, 0);
  Ledger::Ticket ticket = 0;
  for (int i = 0; i < events; ++i) ticket = ledger.AddEvent();
  ledger.Commit(Lsn{end});
  return ticket;
}

TEST(LedgerTest, ConfirmsATransactionsEndOnceAllItsRowsAreDurable) {
  Ledger ledger(Lsn{5});
  const auto ticket = Transaction(ledger, 10, 19, 2);
  EXPECT_EQ(ledger.confirmed(), Lsn{5});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{5});
  EXPECT_EQ(ledger.unacked_events(), 1u);
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{19});
  EXPECT_EQ(ledger.transactions(), 0u);
}

TEST(LedgerTest, AnOpenTransactionIsNeverConfirmed) {
  Ledger ledger;
  ledger.Begin(Lsn{10}, 0);
  const auto ticket = ledger.AddEvent();
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  EXPECT_EQ(ledger.AddEvent(), ticket);
  ledger.Commit(Lsn{19});
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{19});
}

TEST(LedgerTest, TheHeadHoldsBackWhatIsBehindIt) {
  Ledger ledger;
  const auto first = Transaction(ledger, 10, 19, 1);
  const auto second = Transaction(ledger, 20, 29, 1);
  ledger.Ack(second);
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  EXPECT_THAT(ledger.DurableAhead(), ElementsAre(Lsn{20}));
  ledger.Ack(first);
  EXPECT_EQ(ledger.confirmed(), Lsn{29});
  EXPECT_THAT(ledger.DurableAhead(), IsEmpty());
}

// The case that lost rows: the keepalive carries the end of a transaction whose rows are out.
TEST(LedgerTest, AKeepaliveStandsBehindEverythingReceivedBeforeIt) {
  Ledger ledger;
  const auto ticket = Transaction(ledger, 10, 19, 1);
  ledger.Keepalive(Lsn{19});
  ledger.Keepalive(Lsn{500});
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{500});
}

TEST(LedgerTest, AKeepaliveInsideATransactionConfirmsNothing) {
  Ledger ledger;
  ledger.Begin(Lsn{10}, 0);
  ledger.Keepalive(Lsn{9});
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  const auto ticket = ledger.AddEvent();
  ledger.Keepalive(Lsn{500});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{0});
  ledger.Commit(Lsn{19});
  EXPECT_EQ(ledger.confirmed(), Lsn{19});
}

TEST(LedgerTest, IdleKeepalivesAndEmptyTransactionsMoveOnAndTakeNoRoom) {
  Ledger ledger;
  ledger.Keepalive(Lsn{7});
  EXPECT_EQ(ledger.confirmed(), Lsn{7});
  const auto ticket = Transaction(ledger, 10, 19, 1);
  for (uint64_t i = 2; i < 1000; ++i) {
    Transaction(ledger, i * 10, i * 10 + 5, 0);
    ledger.Keepalive(Lsn{i * 10 + 9});
  }
  EXPECT_EQ(ledger.transactions(), 1u);
  EXPECT_EQ(ledger.confirmed(), Lsn{7});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.confirmed(), Lsn{9999});
}

TEST(LedgerTest, NeverGoesBack) {
  Ledger ledger(Lsn{100});
  ledger.Keepalive(Lsn{50});
  EXPECT_EQ(ledger.confirmed(), Lsn{100});
  ledger.Ack(Transaction(ledger, 60, 70, 1));
  EXPECT_EQ(ledger.confirmed(), Lsn{100});
}

TEST(LedgerTest, AnAbandonedTransactionConfirmsNothingAndHoldsNothingBack) {
  Ledger ledger;
  const auto first = Transaction(ledger, 10, 19, 1);
  ledger.Begin(Lsn{20}, 0);
  const auto torn = ledger.AddEvent();
  ledger.AbandonOpen();
  EXPECT_EQ(ledger.received(), Lsn{19});
  EXPECT_EQ(ledger.unacked_events(), 1u);
  ledger.Ack(torn);  // its row comes through all the same
  const auto again = Transaction(ledger, 20, 29, 1);
  EXPECT_NE(again, torn);
  ledger.Ack(first);
  EXPECT_EQ(ledger.confirmed(), Lsn{19});
  ledger.Ack(torn);
  EXPECT_EQ(ledger.confirmed(), Lsn{19});
  ledger.Ack(again);
  EXPECT_EQ(ledger.confirmed(), Lsn{29});
}

TEST(LedgerTest, KnowsACommitsTimeWhileItIsOut) {
  Ledger ledger;
  ledger.Begin(Lsn{10}, 1234);
  const auto ticket = ledger.AddEvent();
  EXPECT_EQ(ledger.CommitTime(ticket), 1234);
  ledger.Commit(Lsn{19});
  ledger.Ack(ticket);
  EXPECT_EQ(ledger.CommitTime(ticket), 0);
}

// The naive truth: remember the whole stream, and at each question walk it from its start.
class Oracle {
 public:
  void Event(Ledger::Ticket ticket) { stream_.push_back({.ticket = ticket}); }
  void Point(Lsn point) { stream_.push_back({.point = point}); }
  void Ack(Ledger::Ticket ticket) {
    for (Item& item : stream_) {
      if (item.ticket == ticket && !item.durable) {
        item.durable = true;
        return;
      }
    }
  }
  void Forget(Ledger::Ticket ticket) {
    for (Item& item : stream_) {
      if (item.ticket == ticket) item.durable = true;
    }
  }
  Lsn Confirmed() const {
    Lsn confirmed;
    for (const Item& item : stream_) {
      if (item.ticket != 0 && !item.durable) break;
      confirmed = std::max(confirmed, item.point);
    }
    return confirmed;
  }

 private:
  struct Item {
    Ledger::Ticket ticket = 0;
    bool durable = false;
    Lsn point;
  };
  std::vector<Item> stream_;
};

TEST(LedgerTest, AgreesWithTheNaiveTruthOnRandomHistories) {
  for (uint32_t seed = 0; seed < 2'000; ++seed) {
    std::mt19937 random(seed);
    Ledger ledger;
    Oracle oracle;
    std::vector<Ledger::Ticket> out;  // one entry an event that is not acknowledged
    uint64_t lsn = 1;
    Ledger::Ticket open_ticket = 0;
    for (int step = 0; step < 120; ++step) {
      lsn += random() % 5;
      switch (random() % 8) {
        case 0:
        case 1:
          if (!ledger.open()) {
            ledger.Begin(Lsn{lsn}, 0);
            open_ticket = 0;
          } else {
            ledger.Commit(Lsn{++lsn});
            oracle.Point(Lsn{lsn});
          }
          break;
        case 2:
        case 3:
          if (ledger.open()) {
            open_ticket = ledger.AddEvent();
            oracle.Event(open_ticket);
            out.push_back(open_ticket);
          }
          break;
        case 4:
          if (!ledger.open()) oracle.Point(Lsn{lsn});
          ledger.Keepalive(Lsn{lsn});
          break;
        case 5:
          if (random() % 4 == 0) {
            if (ledger.open() && open_ticket != 0) oracle.Forget(open_ticket);
            ledger.AbandonOpen();
          }
          break;
        default:
          if (!out.empty()) {
            const size_t which = random() % out.size();
            oracle.Ack(out[which]);
            ledger.Ack(out[which]);
            out.erase(out.begin() + static_cast<long>(which));
          }
      }
      ASSERT_EQ(ledger.confirmed(), oracle.Confirmed()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace relay
