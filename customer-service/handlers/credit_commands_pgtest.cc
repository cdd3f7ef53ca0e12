#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "customer-service/handlers/credit_commands.h"
#include "libs/participant/testing/counter.h"

namespace postgres {
const MigrationSet& CustomerMigrations();
}

namespace customer {
namespace {

using participant::Counter;
using saga::v1::Envelope;

class CreditCommandsTest : public testing::Test {
 protected:
  void GivenCustomer(int64_t user_id, int64_t limit, const std::string& status = "ACTIVE") {
    counter_.database().Ask(absl::StrCat(
        "INSERT INTO customers (user_id, name, status, currency, credit_limit_minor) VALUES (",
        user_id, ", 'Ada', '", status, "', 'EUR', ", limit, ") RETURNING name"));
  }

  static Envelope ToValidate(const std::string& tx_id, int64_t user_id, int64_t amount,
                             const std::string& currency = "EUR") {
    Envelope command = Counter::NewCommand(tx_id);
    auto& body = *command.mutable_validate_customer();
    body.set_order_id(tx_id);
    body.set_user_id(user_id);
    body.mutable_total()->set_currency_code(currency);
    body.mutable_total()->set_minor_units(amount);
    return command;
  }
  static Envelope ToRelease(const std::string& tx_id) {
    Envelope command = Counter::NewCommand(tx_id);
    command.set_status(Envelope::REJECTED);
    command.mutable_release_credit();
    return command;
  }
  static Envelope ToCapture(const std::string& tx_id) {
    Envelope command = Counter::NewCommand(tx_id);
    command.mutable_capture_credit();
    return command;
  }

  // "held charged"
  std::string Credit(int64_t user_id) {
    return counter_.database().Ask(
        absl::StrCat("SELECT format('%s %s', held_minor, charged_minor) FROM customers "
                     "WHERE user_id = ",
                     user_id));
  }
  std::string StateOf(const std::string& tx_id) {
    return counter_.database().Ask(
        absl::StrCat("SELECT state FROM credit_holds WHERE tx_id = '", tx_id, "'"));
  }
  // Customers whose sums are not what the table of holds says.
  int64_t WrongSums() {
    return counter_.database().Count(
        "SELECT count(*) FROM customers c WHERE "
        "held_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM credit_holds h "
        "WHERE h.user_id = c.user_id AND state = 'HELD') OR "
        "charged_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM credit_holds h "
        "WHERE h.user_id = c.user_id AND state = 'CAPTURED')");
  }

  CreditCommands handler_;
  Counter counter_{handler_, postgres::CustomerMigrations()};
  const std::string tx_ = Counter::NewTxId();
};

TEST_F(CreditCommandsTest, HoldsCapturesAndReleases) {
  GivenCustomer(1234, 1000);
  const std::string other = Counter::NewTxId();
  auto replies = counter_.Send({ToValidate(tx_, 1234, 600), ToValidate(other, 1234, 400)});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_TRUE(replies[0].has_validate_customer_reply());
  EXPECT_EQ(Credit(1234), "1000 0");
  replies = counter_.Send({ToCapture(tx_), ToRelease(other)});
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_TRUE(replies[0].has_capture_credit_reply());
  EXPECT_EQ(replies[1].status(), Envelope::APPROVED);
  EXPECT_TRUE(replies[1].has_release_credit_reply());
  EXPECT_EQ(Credit(1234), "0 600");
  EXPECT_EQ(StateOf(tx_), "CAPTURED");
  EXPECT_EQ(StateOf(other), "RELEASED");
  replies = counter_.Send({ToRelease(tx_), ToCapture(other)});
  EXPECT_EQ(replies[0].outcome(), "TOO_LATE");
  EXPECT_EQ(replies[1].outcome(), "NOT_HELD");
  EXPECT_EQ(WrongSums(), 0);
}

TEST_F(CreditCommandsTest, RefusalsSayWhy) {
  GivenCustomer(1234, 1000);
  GivenCustomer(5, 1000, "BLOCKED");
  auto refusal = [&](int64_t user_id, int64_t amount, const std::string& currency = "EUR") {
    Envelope reply =
        counter_.Send({ToValidate(Counter::NewTxId(), user_id, amount, currency)}).at(0);
    EXPECT_EQ(reply.status(), Envelope::REJECTED);
    return reply.outcome() + ": " + reply.message();
  };
  EXPECT_EQ(refusal(7, 1), "CUSTOMER_NOT_FOUND: there is no customer 7");
  EXPECT_EQ(refusal(5, 1), "CUSTOMER_BLOCKED: customer 5 is blocked");
  EXPECT_EQ(refusal(1234, 1, "KRW"),
            "CURRENCY_MISMATCH: customer 1234 has credit in EUR, the order costs KRW");
  EXPECT_EQ(refusal(1234, 1001),
            "CREDIT_LIMIT_EXCEEDED: customer 1234: 1001 minor units of EUR wanted, 1000 free");
  EXPECT_EQ(refusal(1234, -1), "INVALID_COMMAND: the total is -1, it must be 0 or more");
  EXPECT_EQ(Credit(1234), "0 0");
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM credit_holds WHERE state = 'REFUSED'"),
            4);
}

TEST_F(CreditCommandsTest, AReleaseThatOvertookItsHoldForbidsIt) {
  GivenCustomer(1234, 1000);
  EXPECT_EQ(counter_.Send({ToRelease(tx_)}).at(0).status(), Envelope::APPROVED);
  EXPECT_EQ(StateOf(tx_), "RELEASED");
  EXPECT_EQ(counter_.Send({ToValidate(tx_, 1234, 1)}).at(0).outcome(), "CANCELLED");
  EXPECT_EQ(Credit(1234), "0 0");
}

TEST_F(CreditCommandsTest, ARepeatGetsTheSameAnswerAndHoldsNothing) {
  GivenCustomer(1234, 1000);
  const Envelope command = ToValidate(tx_, 1234, 600);
  auto first = counter_.Send({command, command});
  auto second = counter_.Send({command});
  EXPECT_EQ(first.at(1).SerializeAsString(), first.at(0).SerializeAsString());
  EXPECT_EQ(second.at(0).SerializeAsString(), first.at(0).SerializeAsString());
  EXPECT_EQ(Credit(1234), "600 0");
}

TEST_F(CreditCommandsTest, OneBatchSeesWhatItHeldBefore) {
  GivenCustomer(1234, 100);
  std::vector<Envelope> commands;
  for (int i = 0; i < 4; ++i) commands.push_back(ToValidate(Counter::NewTxId(), 1234, 30));
  commands.push_back(ToRelease(commands[0].tx_id()));
  commands.push_back(ToValidate(Counter::NewTxId(), 1234, 40));
  commands.push_back(ToCapture(commands[1].tx_id()));
  std::string answers;
  for (const Envelope& reply : counter_.Send(commands)) {
    answers += reply.status() == Envelope::APPROVED ? '+' : '-';
  }
  EXPECT_EQ(answers, "+++-+++");
  EXPECT_EQ(Credit(1234), "70 30");
  EXPECT_EQ(WrongSums(), 0);
}

TEST_F(CreditCommandsTest, DoorsAtOnceNeitherDeadlockNorLoseAnything) {
  constexpr int kDoors = 4, kBatches = 15, kSagas = 40, kCustomers = 60;
  for (int64_t id = 1; id <= kCustomers; ++id) GivenCustomer(id, 1'000'000);
  auto work = [&](int seed) {
    postgres::Connection connection = counter_.NewConnection();
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<Envelope> hold, settle;
      for (int i = 0; i < kSagas; ++i) {
        const std::string tx_id = Counter::NewTxId();
        // Each door comes to the customers in an order of its own.
        hold.push_back(ToValidate(tx_id, 1 + (i * 7 + seed * 17) % kCustomers, 1 + i));
        settle.push_back(i % 3 == 0 ? ToRelease(tx_id) : ToCapture(tx_id));
      }
      std::reverse(settle.begin(), settle.end());
      for (const auto& commands : {hold, settle}) {
        absl::Status applied = counter_.Apply(connection, commands);
        ASSERT_TRUE(applied.ok()) << applied;
      }
    }
  };
  std::vector<std::thread> doors;
  for (int seed = 0; seed < kDoors; ++seed) doors.emplace_back(work, seed);
  for (std::thread& door : doors) door.join();
  EXPECT_EQ(counter_.reruns(), 0);
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM credit_holds"),
            kDoors * kBatches * kSagas);
  EXPECT_EQ(counter_.database().Count("SELECT count(*) FROM credit_holds WHERE state = 'REFUSED'"),
            0);
  EXPECT_EQ(WrongSums(), 0);
  EXPECT_EQ(counter_.database().Count("SELECT sum(held_minor)::bigint FROM customers"), 0);
}

TEST_F(CreditCommandsTest, AHoldWhoseCustomerIsGoneParksItsSagaOnly) {
  GivenCustomer(1, 1000);
  GivenCustomer(2, 1000);
  const std::string other = Counter::NewTxId();
  counter_.Send({ToValidate(tx_, 1, 5), ToValidate(other, 2, 5)});
  counter_.database().Ask("DELETE FROM customers WHERE user_id = 1 RETURNING name");
  auto replies = counter_.Send({ToCapture(tx_), ToCapture(other)});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].tx_id(), other);
  EXPECT_EQ(counter_.outcomes().parked, 1);
}

}  // namespace
}  // namespace customer
