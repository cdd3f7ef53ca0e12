#include "kitchen-service/domain/ticket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kitchen {
namespace {

using testing::ElementsAre;
using Answer = Decision::Answer;

constexpr Policy kAutomatic{.automatic = true, .max_items_per_ticket = 100};
constexpr Policy kManual{.automatic = false};

TEST(CreateTest, IsAcceptedByItself) {
  std::optional<Ticket> ticket;
  EXPECT_EQ(Create(ticket, kAutomatic, "o", {{123, 60}, {124, 40}}).answer, Answer::kApproved);
  EXPECT_EQ(ticket->state, TicketState::kAccepted);
  EXPECT_EQ(ticket->order_id, "o");
}

TEST(CreateTest, MoreItemsThanTheKitchenCooksAreRejected) {
  std::optional<Ticket> ticket;
  const Decision decision = Create(ticket, kAutomatic, "o", {{123, 60}, {124, 41}});
  EXPECT_EQ(decision.answer, Answer::kRejected);
  EXPECT_EQ(decision.outcome, kKitchenRejected);
  EXPECT_EQ(decision.message, "101 items on one ticket; the kitchen cooks at most 100");
  EXPECT_EQ(ticket->state, TicketState::kRejected);
}

TEST(CreateTest, APersonAnswersLater) {
  std::optional<Ticket> ticket;
  EXPECT_EQ(Create(ticket, kManual, "o", {{1, 500}}).answer, Answer::kLater);
  EXPECT_EQ(Create(ticket, kManual, "o", {{1, 500}}).answer, Answer::kLater);
  EXPECT_TRUE(Accept(*ticket));
  EXPECT_FALSE(Accept(*ticket));
  EXPECT_FALSE(Reject(*ticket));
  EXPECT_EQ(Create(ticket, kManual, "o", {{1, 500}}).answer, Answer::kApproved);
}

TEST(CreateTest, LinesAreKeptByProduct) {
  std::optional<Ticket> ticket;
  Create(ticket, kAutomatic, "o", {{2, 1}, {1, 1}});
  EXPECT_THAT(ticket->lines, ElementsAre(Line{1, 1}, Line{2, 1}));
}

TEST(CreateTest, NonsenseIsRefusedAndLeavesNoTicket) {
  for (const std::vector<Line>& lines : std::vector<std::vector<Line>>{
           {}, {{1, 0}}, {{1, -1}}, {{1, INT64_MAX}}, {{1, 1}, {1, 1}}}) {
    std::optional<Ticket> ticket;
    EXPECT_EQ(Create(ticket, kAutomatic, "o", lines).outcome, kInvalidCommand);
    EXPECT_FALSE(ticket.has_value());
  }
  for (const std::string& order_id :
       {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string(101, 'x')}) {
    std::optional<Ticket> ticket;
    EXPECT_EQ(Create(ticket, kAutomatic, order_id, {{1, 1}}).outcome, kInvalidCommand);
  }
}

TEST(CancelTest, APendingTicketIsWithdrawn) {
  std::optional<Ticket> ticket;
  Create(ticket, kManual, "o", {{1, 1}});
  const Decision decision = Cancel(ticket);
  EXPECT_EQ(decision.answer, Answer::kApproved);
  EXPECT_EQ(decision.outcome, kCancelled);
  EXPECT_FALSE(Accept(*ticket));
}

TEST(CancelTest, BeforeItsTicketItForbidsIt) {
  std::optional<Ticket> ticket;
  EXPECT_EQ(Cancel(ticket).outcome, kCancelled);
  const Decision late = Create(ticket, kAutomatic, "o", {{1, 1}});
  EXPECT_EQ(late.answer, Answer::kRejected);
  EXPECT_EQ(late.outcome, kCancelled);
}

TEST(CancelTest, ComesTooLateForAnAcceptedTicket) {
  std::optional<Ticket> ticket;
  Create(ticket, kAutomatic, "o", {{1, 1}});
  EXPECT_EQ(Cancel(ticket).outcome, kTooLate);
  EXPECT_TRUE(Complete(*ticket));
  EXPECT_EQ(Cancel(ticket).outcome, kTooLate);
  EXPECT_EQ(ticket->state, TicketState::kCompleted);
}

TEST(CancelTest, ARejectedTicketNeedsNoCancelling) {
  std::optional<Ticket> ticket;
  Create(ticket, kManual, "o", {{1, 1}});
  EXPECT_TRUE(Reject(*ticket));
  EXPECT_EQ(Cancel(ticket).outcome, kCancelled);
  EXPECT_EQ(ticket->state, TicketState::kRejected);
}

TEST(CompleteTest, OnlyWhatWasAcceptedIsCooked) {
  Ticket ticket;
  EXPECT_FALSE(Complete(ticket));
  EXPECT_TRUE(Accept(ticket));
  EXPECT_TRUE(Complete(ticket));
  EXPECT_FALSE(Complete(ticket));
}

}  // namespace
}  // namespace kitchen
