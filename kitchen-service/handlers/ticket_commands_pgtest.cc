#include <gtest/gtest.h>

#include "kitchen-service/handlers/ticket_commands.h"
#include "kitchen-service/migrations/migrations.h"
#include "libs/participant/testing/counter.h"

namespace kitchen {
namespace {

using participant::Counter;
using saga::v1::Envelope;

class TicketCommandsTest : public testing::Test {
 protected:
  static Envelope ToCreate(const std::string& tx_id, int64_t amount) {
    Envelope command = Counter::NewCommand(tx_id);
    command.mutable_create_ticket()->set_order_id("order-of-" + tx_id);
    auto* line = command.mutable_create_ticket()->add_lines();
    line->set_product_id(123);
    line->set_amount(amount);
    return command;
  }
  static Envelope ToCancel(const std::string& tx_id) {
    Envelope command = Counter::NewCommand(tx_id);
    command.set_status(Envelope::REJECTED);
    command.mutable_cancel_ticket();
    return command;
  }

  std::string StateOf(Counter& counter, const std::string& tx_id) {
    return counter.database().Ask("SELECT state FROM tickets WHERE tx_id = '" + tx_id + "'");
  }

  TicketCommands automatic_{Policy{}};
  TicketCommands manual_{Policy{.automatic = false}};
  const std::string tx_ = Counter::NewTxId();
};

TEST_F(TicketCommandsTest, AcceptsOrRejectsByItself) {
  Counter counter(automatic_, postgres::KitchenMigrations());
  const std::string other = Counter::NewTxId();
  auto replies = counter.Send({ToCreate(tx_, 100), ToCreate(other, 101)});
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_EQ(
      replies[0].create_ticket_reply().ticket_id(),
      counter.database().Ask("SELECT ticket_id::text FROM tickets WHERE tx_id = '" + tx_ + "'"));
  EXPECT_EQ(replies[1].status(), Envelope::REJECTED);
  EXPECT_EQ(replies[1].outcome(), "KITCHEN_REJECTED");
  EXPECT_EQ(StateOf(counter, tx_), "ACCEPTED");
  EXPECT_EQ(StateOf(counter, other), "REJECTED");
  EXPECT_EQ(counter.database().Count("SELECT count(*) FROM ticket_lines"), 2);
}

TEST_F(TicketCommandsTest, ACancelBeforeItsTicketForbidsIt) {
  Counter counter(automatic_, postgres::KitchenMigrations());
  auto replies = counter.Send({ToCancel(tx_), ToCreate(tx_, 1)});
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_EQ(replies[0].outcome(), "CANCELLED");
  EXPECT_EQ(replies[1].status(), Envelope::REJECTED);
  EXPECT_EQ(replies[1].outcome(), "CANCELLED");
  EXPECT_EQ(StateOf(counter, tx_), "CANCELLED");
}

TEST_F(TicketCommandsTest, ACancelAfterAcceptanceIsTooLate) {
  Counter counter(automatic_, postgres::KitchenMigrations());
  counter.Send({ToCreate(tx_, 1)});
  EXPECT_EQ(counter.Send({ToCancel(tx_)}).at(0).outcome(), "TOO_LATE");
  EXPECT_EQ(StateOf(counter, tx_), "ACCEPTED");
}

TEST_F(TicketCommandsTest, AManualKitchenAnswersLater) {
  Counter counter(manual_, postgres::KitchenMigrations());
  const Envelope create = ToCreate(tx_, 500);
  EXPECT_TRUE(counter.Send({create}).empty());
  EXPECT_TRUE(counter.Send({create}).empty()) << "asking again changes nothing";
  EXPECT_EQ(StateOf(counter, tx_), "PENDING");
  auto cancelled = counter.Send({ToCancel(tx_)});
  EXPECT_EQ(cancelled.at(0).outcome(), "CANCELLED");
  EXPECT_EQ(StateOf(counter, tx_), "CANCELLED");
}

TEST_F(TicketCommandsTest, NonsenseIsRefused) {
  Counter counter(automatic_, postgres::KitchenMigrations());
  EXPECT_EQ(counter.Send({ToCreate(tx_, -1)}).at(0).outcome(), "INVALID_COMMAND");
  EXPECT_EQ(counter.database().Count("SELECT count(*) FROM tickets"), 0);
}

}  // namespace
}  // namespace kitchen
