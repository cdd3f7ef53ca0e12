#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "kitchen-service/handlers/ticket_commands.h"
#include "kitchen-service/migrations/migrations.h"
#include "kitchen-service/rpc/kitchen_service.h"
#include "libs/participant/testing/counter.h"
#include "libs/requests/migrations.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"

namespace kitchen {
namespace {

using participant::Counter;
using saga::v1::Envelope;
using testing::HasSubstr;

class KitchenServiceTest : public testing::Test {
 protected:
  KitchenServiceTest() {
    auto owner = counter_.database().Connect();
    auto applied = postgres::Migrate(owner, {&postgres::RequestMigrations()},
                                     {{"service_role", "test_service"}});
    EXPECT_TRUE(applied.ok()) << applied.status();
  }

  // A pending ticket; its id.
  std::string GivenTicket(const std::string& tx_id = Counter::NewTxId()) {
    Envelope command = Counter::NewCommand(tx_id);
    command.mutable_create_ticket()->set_order_id("o");
    auto* line = command.mutable_create_ticket()->add_lines();
    line->set_product_id(123);
    line->set_amount(4);
    EXPECT_TRUE(counter_.Send({command}).empty());
    return counter_.database().Ask("SELECT ticket_id::text FROM tickets WHERE tx_id = '" +
                                   command.tx_id() + "'");
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(grpc::Status (KitchenService::*method)(grpc::ServerContext*,
                                                                       const Request*, Response*),
                                const Request& request) {
    Response response;
    absl::Status status = service::FromGrpc((service_.*method)(nullptr, &request, &response));
    if (!status.ok()) return status;
    return response;
  }

  template <typename Request>
  static Request For(const std::string& ticket_id) {
    Request request;
    request.set_ticket_id(ticket_id);
    return request;
  }

  TicketCommands manual_{Policy{.automatic = false}};
  Counter counter_{manual_, postgres::KitchenMigrations()};
  postgres::Pool pool_{counter_.database().service(), "test", 2};
  KitchenService service_{pool_, pool_, Counter::replies()};
};

TEST_F(KitchenServiceTest, AcceptingAnswersTheSagaAtOnce) {
  const std::string id = GivenTicket();
  auto accepted = Call(&KitchenService::AcceptTicket, For<v1::AcceptTicketRequest>(id));
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(accepted->ticket().state(), v1::Ticket::ACCEPTED);
  EXPECT_EQ(accepted->ticket().lines(0).amount(), 4);
  auto replies = counter_.Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status(), Envelope::APPROVED);
  EXPECT_EQ(replies[0].create_ticket_reply().ticket_id(), id);
  auto completed = Call(&KitchenService::CompleteTicket, For<v1::CompleteTicketRequest>(id));
  EXPECT_EQ(completed->ticket().state(), v1::Ticket::COMPLETED);
}

TEST_F(KitchenServiceTest, RejectingSaysWhy) {
  auto request = For<v1::RejectTicketRequest>(GivenTicket());
  request.set_message("no tomatoes");
  ASSERT_TRUE(Call(&KitchenService::RejectTicket, request).ok());
  const Envelope reply = counter_.Replies().at(0);
  EXPECT_EQ(reply.outcome(), "KITCHEN_REJECTED");
  EXPECT_EQ(reply.message(), "no tomatoes");
}

TEST_F(KitchenServiceTest, TheSameRequestIsDoneOnce) {
  auto request = For<v1::AcceptTicketRequest>(GivenTicket());
  request.set_request_id(uuid::ToString(uuid::NewV7()));
  ASSERT_TRUE(Call(&KitchenService::AcceptTicket, request).ok());
  auto again = Call(&KitchenService::AcceptTicket, request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->ticket().state(), v1::Ticket::ACCEPTED);
  EXPECT_EQ(counter_.Replies().size(), 1u);
}

TEST_F(KitchenServiceTest, ErrorsSayWhatIsWrong) {
  const std::string id = GivenTicket();
  auto complete = Call(&KitchenService::CompleteTicket, For<v1::CompleteTicketRequest>(id));
  EXPECT_EQ(service::ReasonOf(complete.status()), "TICKET_WRONG_STATE");
  EXPECT_THAT(complete.status().message(), HasSubstr("the ticket is PENDING"));
  auto unknown =
      Call(&KitchenService::GetTicket, For<v1::GetTicketRequest>(uuid::ToString(uuid::NewV7())));
  EXPECT_EQ(service::ReasonOf(unknown.status()), "TICKET_NOT_FOUND");
  auto wrong = For<v1::RejectTicketRequest>("7");
  wrong.set_message(std::string(501, 'x'));
  wrong.set_request_id("8");
  const std::string text = Call(&KitchenService::RejectTicket, wrong).status().ToString();
  for (const char* field : {"ticket_id", "message", "request_id"}) {
    EXPECT_THAT(text, HasSubstr(field));
  }
}

TEST_F(KitchenServiceTest, WhatIsAnsweredForgetsItsQuestion) {
  const std::string tx_id = Counter::NewTxId();
  const std::string ids[] = {GivenTicket(), GivenTicket(), GivenTicket(tx_id)};
  constexpr char kKept[] = "SELECT count(*) FROM tickets WHERE command IS NOT NULL";
  EXPECT_EQ(counter_.database().Count(kKept), 3);
  ASSERT_TRUE(Call(&KitchenService::AcceptTicket, For<v1::AcceptTicketRequest>(ids[0])).ok());
  ASSERT_TRUE(Call(&KitchenService::RejectTicket, For<v1::RejectTicketRequest>(ids[1])).ok());
  Envelope cancel = Counter::NewCommand(tx_id);
  cancel.set_status(Envelope::REJECTED);
  cancel.mutable_cancel_ticket();
  counter_.Send({cancel});
  EXPECT_EQ(counter_.database().Count(kKept), 0);
}

// A person accepts at the gRPC door while the saga cancels at the Kafka door: one of them wins, and
// the saga hears of that one only.
TEST_F(KitchenServiceTest, ACancelAndAnAcceptanceMeet) {
  constexpr int kTickets = 40;
  std::vector<std::string> tx_ids(kTickets), ids(kTickets);
  for (int i = 0; i < kTickets; ++i) {
    tx_ids[i] = Counter::NewTxId();
    ids[i] = GivenTicket(tx_ids[i]);
  }
  std::vector<absl::Status> accepted(kTickets);
  std::latch start(2);
  std::thread person([&] {
    start.arrive_and_wait();
    for (int i = 0; i < kTickets; ++i) {
      accepted[i] =
          Call(&KitchenService::AcceptTicket, For<v1::AcceptTicketRequest>(ids[i])).status();
    }
  });
  std::thread saga([&] {
    postgres::Connection connection = counter_.NewConnection();
    start.arrive_and_wait();
    // From the other end, so that they meet.
    for (int i = kTickets - 1; i >= 0; --i) {
      Envelope cancel = Counter::NewCommand(tx_ids[i]);
      cancel.set_status(Envelope::REJECTED);
      cancel.mutable_cancel_ticket();
      absl::Status applied = counter_.Apply(connection, {cancel});
      EXPECT_TRUE(applied.ok()) << applied;
    }
  });
  person.join();
  saga.join();

  std::map<std::string, std::vector<Envelope>> replies;
  for (const Envelope& reply : counter_.Replies()) replies[reply.tx_id()].push_back(reply);
  for (int i = 0; i < kTickets; ++i) {
    const std::string state =
        counter_.database().Ask("SELECT state FROM tickets WHERE ticket_id = '" + ids[i] + "'");
    std::string heard;
    for (const Envelope& reply : replies[tx_ids[i]]) {
      heard += reply.has_create_ticket_reply() ? "create:" : "cancel:";
      heard += (reply.status() == Envelope::APPROVED ? "yes" : "no") + reply.outcome() + " ";
    }
    if (accepted[i].ok()) {
      EXPECT_EQ(state, "ACCEPTED");
      EXPECT_EQ(heard, "create:yes cancel:noTOO_LATE ");
    } else {
      EXPECT_EQ(service::ReasonOf(accepted[i]), "TICKET_WRONG_STATE") << accepted[i];
      EXPECT_EQ(state, "CANCELLED");
      EXPECT_EQ(heard, "cancel:yesCANCELLED ");
    }
  }
}

TEST_F(KitchenServiceTest, ListsComeInPagesNewestFirst) {
  std::vector<std::string> ids = {GivenTicket(), GivenTicket(), GivenTicket()};
  v1::ListTicketsRequest request;
  request.set_page_size(2);
  request.set_state(v1::Ticket::PENDING);
  auto first = Call(&KitchenService::ListTickets, request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->tickets_size(), 2);
  EXPECT_EQ(first->tickets(0).ticket_id(), ids[2]);
  request.set_page_token(first->next_page_token());
  auto second = Call(&KitchenService::ListTickets, request);
  ASSERT_EQ(second->tickets_size(), 1);
  EXPECT_EQ(second->tickets(0).ticket_id(), ids[0]);
  EXPECT_EQ(second->next_page_token(), "");
  request.set_page_size(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(Call(&KitchenService::ListTickets, request).status()));
}

}  // namespace
}  // namespace kitchen
