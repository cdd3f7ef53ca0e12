#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/inbox/migrations.h"
#include "libs/inbox/unit.h"
#include "libs/outbox/migrations.h"
#include "libs/participant/migrations.h"
#include "libs/participant/participant.h"
#include "libs/testing/test_database.h"

namespace participant {
namespace {

using saga::v1::Envelope;
using testing::ElementsAre;
using testing::HasSubstr;

// Approves orders "yes", rejects "no", leaves "later" for later; counts.
class Clerk : public CommandHandler {
 public:
  bool Handles(const Envelope& command) const override { return command.has_reserve_stock(); }

  absl::Status Handle(outbox::UnitOfWork&, absl::Span<Command* const> batch) override {
    for (Command* command : batch) {
      const std::string& order = command->request().reserve_stock().order_id();
      seen_.push_back(order);
      command->reply().mutable_reserve_stock_reply();
      if (order == "yes") command->Approve();
      if (order == "no") command->Reject("OUT_OF_STOCK", "sold out");
      if (order == "later") memory_ = command->Remember();
    }
    return absl::OkStatus();
  }

  std::vector<std::string> seen_;
  std::string memory_;
};

class ParticipantTest : public testing::Test {
 protected:
  static Envelope Reserve(std::string order) {
    Envelope envelope;
    envelope.set_target("ORDER_CREATION");
    envelope.set_tx_id(uuid::ToString(uuid::NewV7()));
    envelope.set_command_id(uuid::ToString(uuid::NewV7()));
    envelope.set_status(Envelope::APPROVED);
    envelope.set_step("product-stock");
    envelope.set_attempt(1);
    envelope.mutable_reserve_stock()->set_order_id(std::move(order));
    return envelope;
  }

  // Each in a message of its own, with a new message id.
  void Deliver(const std::vector<Envelope>& envelopes) {
    std::vector<std::string> ids, payloads;
    for (const Envelope& envelope : envelopes) {
      ids.push_back(uuid::ToString(uuid::NewV7()));
      payloads.push_back(envelope.SerializeAsString());
    }
    std::vector<inbox::Delivery> batch;
    for (size_t i = 0; i < ids.size(); ++i) {
      batch.emplace_back(inbox::Record{.topic = "commands",
                                       .key = envelopes[i].tx_id(),
                                       .payload = payloads[i],
                                       .id = ids[i],
                                       .traceparent = "00-trace"});
    }
    absl::Status applied =
        inbox::ApplyBatch(service_, participant_, uuid::Uuid{}, absl::MakeSpan(batch), outcomes_);
    ASSERT_TRUE(applied.ok()) << applied;
  }

  std::vector<Envelope> Replies() {
    auto rows =
        service_owner_.Execute("SELECT payload FROM outbox WHERE topic = 'replies' ORDER BY seq");
    std::vector<Envelope> replies(rows->rows());
    for (int i = 0; i < rows->rows(); ++i) {
      EXPECT_TRUE(replies[i].ParseFromString(std::string(rows->Text(i, 0))));
    }
    return replies;
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::ParticipantMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
  postgres::Connection service_owner_ = database_.Connect();
  Clerk clerk_;
  Participant participant_{clerk_, {.topic = "replies"}};
  inbox::Outcomes outcomes_;
};

TEST_F(ParticipantTest, AnswersRepeatStepAndCommandId) {
  const Envelope command = Reserve("no");
  Deliver({command});
  const Envelope reply = Replies().at(0);
  EXPECT_EQ(reply.tx_id(), command.tx_id());
  EXPECT_EQ(reply.step(), "product-stock");
  EXPECT_EQ(reply.command_id(), command.command_id());
  EXPECT_EQ(reply.status(), Envelope::REJECTED);
  EXPECT_EQ(reply.outcome(), "OUT_OF_STOCK");
  EXPECT_EQ(database_.Ask("SELECT aggregateid FROM outbox"), command.tx_id());
  EXPECT_EQ(database_.Ask("SELECT type FROM outbox"), "product.v1.ReserveStockReply");
  EXPECT_EQ(database_.Ask("SELECT traceparent FROM outbox"), "00-trace");
}

TEST_F(ParticipantTest, ARepeatGetsTheSameAnswerAndDoesNothing) {
  const Envelope yes = Reserve("yes"), no = Reserve("no");
  Deliver({yes, no, yes});
  Deliver({no, yes});
  EXPECT_THAT(clerk_.seen_, ElementsAre("yes", "no"));
  auto replies = Replies();
  ASSERT_EQ(replies.size(), 5u);
  EXPECT_EQ(replies[3].SerializeAsString(), replies[1].SerializeAsString());
  EXPECT_EQ(replies[4].SerializeAsString(), replies[0].SerializeAsString());
  EXPECT_EQ(replies[2].SerializeAsString(), replies[0].SerializeAsString());
}

TEST_F(ParticipantTest, AnAnswerMayComeLater) {
  const Envelope later = Reserve("later");
  Deliver({later});
  EXPECT_TRUE(Replies().empty());
  auto command = Command::FromMemory(clerk_.memory_);
  ASSERT_TRUE(command.ok()) << command.status();
  command->Approve();
  command->reply().mutable_reserve_stock_reply();
  auto work = outbox::UnitOfWork::Begin(service_);
  const Command* one[] = {&*command};
  ASSERT_TRUE(KeepAndSend(*work, {.topic = "replies"}, one).ok());
  ASSERT_TRUE(work->Commit().ok());
  EXPECT_EQ(Replies().at(0).command_id(), later.command_id());
  Deliver({later});
  EXPECT_EQ(Replies().size(), 2u) << "a repeat is answered now";

  auto again = outbox::UnitOfWork::Begin(service_);
  EXPECT_TRUE(absl::IsAborted(KeepAndSend(*again, {.topic = "replies"}, one)))
      << "an answer is given once";
}

TEST_F(ParticipantTest, WhatIsNoCommandOfOursIsADeadLetter) {
  Envelope other = Reserve("x");
  other.mutable_create_ticket();
  Envelope nonsense;
  Deliver({other, nonsense, Reserve("yes")});
  EXPECT_EQ(outcomes_.dead_letters, 2);
  EXPECT_EQ(outcomes_.applied, 1);
  EXPECT_THAT(database_.Ask("SELECT headers->>'kafka_dlt-exception-message' FROM outbox "
                            "WHERE topic = 'commands-dlt' ORDER BY seq LIMIT 1"),
              HasSubstr("kitchen.v1.CreateTicket is no command"));
}

}  // namespace
}  // namespace participant
