#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/participant/testing/counter.h"
#include "product-service/handlers/stock_commands.h"

namespace postgres {
const MigrationSet& ProductMigrations();
}

namespace product {
namespace {

using saga::v1::Envelope;
using Lines = std::vector<std::pair<int64_t, int64_t>>;

class StockCommandsTest : public testing::Test {
 protected:
  void GivenProduct(int64_t id, int64_t available, int64_t price = 100,
                    const std::string& currency = "EUR") {
    counter_.database().Ask(absl::StrCat(
        "INSERT INTO products (product_id, name, unit_price_minor, currency, available) VALUES (",
        id, ", 'Tomatoes', ", price, ", '", currency, "', ", available, ") RETURNING name"));
  }

  static Envelope ToReserve(const std::string& tx_id, const Lines& lines) {
    Envelope command = participant::Counter::NewCommand(tx_id);
    command.mutable_reserve_stock()->set_order_id(tx_id);
    for (const auto& [product_id, amount] : lines) {
      v1::StockLine& line = *command.mutable_reserve_stock()->add_lines();
      line.set_product_id(product_id);
      line.set_amount(amount);
    }
    return command;
  }
  static Envelope ToRelease(const std::string& tx_id) {
    Envelope command = participant::Counter::NewCommand(tx_id);
    command.set_status(Envelope::REJECTED);
    command.mutable_release_stock();
    return command;
  }
  static Envelope ToConfirm(const std::string& tx_id) {
    Envelope command = participant::Counter::NewCommand(tx_id);
    command.mutable_confirm_stock();
    return command;
  }

  // "available reserved consumed"
  std::string Stock(int64_t id) {
    return counter_.database().Ask(
        absl::StrCat("SELECT format('%s %s %s', available, reserved, consumed) FROM products "
                     "WHERE product_id = ",
                     id));
  }
  std::string StateOf(const std::string& tx_id) {
    return counter_.database().Ask(
        absl::StrCat("SELECT state FROM reservations WHERE tx_id = '", tx_id, "'"));
  }
  // What the table of reservations says the products' counts must be.
  int64_t WrongCounts() {
    return counter_.database().Count(
        "SELECT count(*) FROM products p WHERE "
        "p.reserved <> (SELECT coalesce(sum(amount), 0) FROM reservation_lines JOIN reservations r "
        "USING (tx_id) WHERE product_id = p.product_id AND r.state = 'RESERVED') OR "
        "p.consumed <> (SELECT coalesce(sum(amount), 0) FROM reservation_lines JOIN reservations r "
        "USING (tx_id) WHERE product_id = p.product_id AND r.state = 'CONFIRMED')");
  }

  StockCommands handler_;
  participant::Counter counter_{handler_, postgres::ProductMigrations()};
  const std::string tx_ = participant::Counter::NewTxId();
};

TEST_F(StockCommandsTest, ReservesAndBills) {
  GivenProduct(123, 10, 250);
  GivenProduct(124, 10, 99);
  auto replies = counter_.Send({ToReserve(tx_, {{124, 1}, {123, 2}})});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_EQ(replies[0].outcome(), "");
  const v1::ProductOrderBill& bill = replies[0].reserve_stock_reply().bill();
  EXPECT_EQ(bill.total().minor_units(), 599);
  EXPECT_EQ(bill.total().currency_code(), "EUR");
  ASSERT_EQ(bill.lines_size(), 2);
  EXPECT_EQ(bill.lines(1).product_id(), 123);
  EXPECT_EQ(bill.lines(1).amount(), 2);
  EXPECT_EQ(bill.lines(1).unit_price().minor_units(), 250);
  EXPECT_EQ(Stock(123), "8 2 0");
  EXPECT_EQ(Stock(124), "9 1 0");
  EXPECT_EQ(StateOf(tx_), "RESERVED");
}

TEST_F(StockCommandsTest, RefusalsSayWhy) {
  GivenProduct(123, 3);
  GivenProduct(124, 3, 100, "KRW");
  auto refusal = [&](const Lines& lines) {
    Envelope reply = counter_.Send({ToReserve(participant::Counter::NewTxId(), lines)}).at(0);
    EXPECT_EQ(reply.status(), Envelope::REJECTED);
    EXPECT_TRUE(reply.has_reserve_stock_reply());
    return reply.outcome() + ": " + reply.message();
  };
  EXPECT_EQ(refusal({{123, 4}}), "OUT_OF_STOCK: product 123 (Tomatoes): 4 wanted, 3 available");
  EXPECT_EQ(refusal({{123, 1}, {5, 1}}), "UNKNOWN_PRODUCT: there is no product 5");
  EXPECT_EQ(refusal({{123, 1}, {124, 1}}),
            "CURRENCY_MISMATCH: product 123 is sold in EUR, product 124 in KRW; order them apart");
  EXPECT_EQ(refusal({{123, -1}}),
            "INVALID_COMMAND: product 123: the amount is -1, it must be 1 or more");
  EXPECT_EQ(Stock(123), "3 0 0");
  EXPECT_EQ(Stock(124), "3 0 0");
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM reservations WHERE state = 'REFUSED'"),
            3);
}

TEST_F(StockCommandsTest, ReleasesAndConfirmsInLaterBatches) {
  GivenProduct(123, 10);
  const std::string other = participant::Counter::NewTxId();
  counter_.Send({ToReserve(tx_, {{123, 2}}), ToReserve(other, {{123, 3}})});
  EXPECT_EQ(Stock(123), "5 5 0");
  auto replies = counter_.Send({ToRelease(tx_), ToConfirm(other)});
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_TRUE(replies[0].has_release_stock_reply());
  EXPECT_EQ(replies[1].status(), Envelope::APPROVED);
  EXPECT_TRUE(replies[1].has_confirm_stock_reply());
  EXPECT_EQ(Stock(123), "7 0 3");
  EXPECT_EQ(StateOf(tx_), "RELEASED");
  EXPECT_EQ(StateOf(other), "CONFIRMED");
  replies = counter_.Send({ToRelease(other), ToConfirm(tx_)});
  EXPECT_EQ(replies[0].outcome(), "TOO_LATE");
  EXPECT_EQ(replies[1].outcome(), "NOT_RESERVED");
  EXPECT_EQ(Stock(123), "7 0 3");
  EXPECT_EQ(WrongCounts(), 0);
}

TEST_F(StockCommandsTest, AReleaseThatOvertookItsReservationForbidsIt) {
  GivenProduct(123, 10);
  EXPECT_EQ(counter_.Send({ToRelease(tx_)}).at(0).status(), Envelope::APPROVED);
  EXPECT_EQ(StateOf(tx_), "RELEASED");
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM reservation_lines"), 0);
  Envelope reply = counter_.Send({ToReserve(tx_, {{123, 1}})}).at(0);
  EXPECT_EQ(reply.status(), Envelope::REJECTED);
  EXPECT_EQ(reply.outcome(), "CANCELLED");
  EXPECT_EQ(Stock(123), "10 0 0");
}

TEST_F(StockCommandsTest, ARepeatGetsTheSameAnswerAndTakesNothing) {
  GivenProduct(123, 10);
  const Envelope command = ToReserve(tx_, {{123, 2}});
  auto first = counter_.Send({command, command});
  auto second = counter_.Send({command});
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].SerializeAsString(), first[0].SerializeAsString());
  EXPECT_EQ(second.at(0).SerializeAsString(), first[0].SerializeAsString());
  EXPECT_EQ(Stock(123), "8 2 0");
}

TEST_F(StockCommandsTest, OneBatchSeesWhatItTookBefore) {
  GivenProduct(123, 5);
  std::vector<Envelope> commands;
  for (int i = 0; i < 7; ++i) {
    commands.push_back(ToReserve(participant::Counter::NewTxId(), {{123, 1}}));
  }
  // The first one's stock comes back and is taken again, all in the same batch.
  commands.push_back(ToRelease(commands[0].tx_id()));
  commands.push_back(ToReserve(participant::Counter::NewTxId(), {{123, 1}}));
  commands.push_back(ToConfirm(commands[1].tx_id()));
  std::string answers;
  for (const Envelope& reply : counter_.Send(commands)) {
    answers += reply.status() == Envelope::APPROVED ? '+' : '-';
  }
  EXPECT_EQ(answers, "+++++--+++");
  EXPECT_EQ(Stock(123), "0 4 1");
  EXPECT_EQ(StateOf(commands[0].tx_id()), "RELEASED");
  EXPECT_EQ(WrongCounts(), 0);
}

TEST_F(StockCommandsTest, DoorsAtOnceNeitherDeadlockNorLoseAnything) {
  constexpr int kDoors = 4, kBatches = 15, kSagas = 40, kProducts = 60;
  for (int64_t id = 1; id <= kProducts; ++id) GivenProduct(id, 1'000);
  auto work = [&](int seed) {
    postgres::Connection connection = counter_.NewConnection();
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<Envelope> reserve, settle;
      for (int i = 0; i < kSagas; ++i) {
        const std::string tx_id = participant::Counter::NewTxId();
        // Each door comes to the products in an order of its own.
        const int64_t a = 1 + (i * 7 + seed * 17) % kProducts, b = 1 + (a + 28) % kProducts;
        reserve.push_back(ToReserve(tx_id, {{a, 1}, {b, 1}}));
        settle.push_back(i % 3 == 0 ? ToRelease(tx_id) : ToConfirm(tx_id));
      }
      std::reverse(settle.begin(), settle.end());
      for (const auto& commands : {reserve, settle}) {
        absl::Status applied = counter_.Apply(connection, commands);
        ASSERT_TRUE(applied.ok()) << applied;
      }
    }
  };
  std::vector<std::thread> doors;
  for (int seed = 0; seed < kDoors; ++seed) doors.emplace_back(work, seed);
  for (std::thread& door : doors) door.join();
  EXPECT_EQ(counter_.reruns(), 0);
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM reservations"),
            kDoors * kBatches * kSagas);
  EXPECT_EQ(WrongCounts(), 0);
  EXPECT_EQ(counter_.database().Count("SELECT sum(available + consumed)::bigint FROM products"),
            kProducts * 1'000);
}

TEST_F(StockCommandsTest, AReservationWhoseProductIsGoneParksItsSagaOnly) {
  GivenProduct(123, 10);
  GivenProduct(124, 10);
  const std::string other = participant::Counter::NewTxId();
  counter_.Send({ToReserve(tx_, {{123, 1}}), ToReserve(other, {{124, 1}})});
  counter_.database().Ask("DELETE FROM products WHERE product_id = 123 RETURNING name");
  auto replies = counter_.Send({ToConfirm(tx_), ToConfirm(other)});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].tx_id(), other);
  EXPECT_EQ(counter_.outcomes().parked, 1);
}

}  // namespace
}  // namespace product
