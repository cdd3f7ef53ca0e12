#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "libs/inbox/migrations.h"
#include "libs/inbox/unit.h"
#include "libs/orchestrator/migrations.h"
#include "libs/orchestrator/orchestrator.h"
#include "libs/orchestrator/saga_queries.h"
#include "libs/outbox/migrations.h"
#include "libs/saga/command_id.h"
#include "libs/testing/test_database.h"

namespace orchestrator {
namespace {

using saga::v1::Envelope;
using testing::ElementsAre;
using testing::HasSubstr;

// A saga of two steps whose owner writes down what it hears.
class Trip : public SagaOwner {
 public:
  static constexpr int kOldVersion = 7;

  const saga::StepTable& table() const override { return table_; }
  const saga::StepTable* FindTable(int version) const override {
    return version == kOldVersion ? &old_table_ : SagaOwner::FindTable(version);
  }

  absl::Status Fill(const saga::CommandToSend&, std::string_view data,
                    Envelope& envelope) const override {
    envelope.mutable_reserve_stock()->set_order_id(std::string(data));
    return absl::OkStatus();
  }

  absl::Status Absorb(std::string_view, const Envelope& reply, std::string& data) const override {
    if (reply.has_confirm_stock_reply()) return absl::InvalidArgumentError("another's reply");
    if (!reply.message().empty()) data += reply.message();
    return absl::OkStatus();
  }

  absl::Status React(outbox::UnitOfWork&, absl::Span<const Happened> happened) override {
    for (const Happened& one : happened) heard.push_back(one.event);
    return absl::OkStatus();
  }

  std::vector<saga::Event> heard;

 private:
  static saga::StepTable Table(int version, const std::string& pivot, const std::string& command) {
    const saga::Command hotel{.name = "BookHotel", .topic = "to-hotel", .undo = "CancelHotel"};
    return {
        .type = "TRIP",
        .version = version,
        .steps = {{.name = "hotel", .kind = saga::StepKind::kCompensatable, .commands = {hotel}},
                  {.name = pivot,
                   .kind = saga::StepKind::kPivot,
                   .commands = {{.name = command, .topic = "to-" + pivot}}}}};
  }

  const saga::StepTable table_ = Table(1, "flight", "BookFlight");
  const saga::StepTable old_table_ = Table(kOldVersion, "bus", "BookBus");
};

class OrchestratorTest : public testing::Test {
 protected:
  uuid::Uuid StartOne(const std::string& data) {
    const uuid::Uuid tx_id = uuid::NewV7();
    auto work = outbox::UnitOfWork::Begin(service_);
    const Begin begin{tx_id, data, "00-trace"};
    EXPECT_TRUE(orchestrator_.Start(*work, {&begin, 1}).ok());
    EXPECT_TRUE(work->Commit().ok());
    return tx_id;
  }

  // The command that went out last.
  Envelope LastCommand() {
    auto row = owner_.Execute("SELECT payload FROM outbox ORDER BY seq DESC LIMIT 1");
    Envelope command;
    EXPECT_TRUE(command.ParseFromString(std::string(row->Text(0, 0))));
    return command;
  }

  static Envelope Answer(const Envelope& command, Envelope::Status status,
                         const std::string& outcome = "", const std::string& message = "") {
    Envelope reply;
    reply.set_target(command.target());
    reply.set_tx_id(command.tx_id());
    reply.set_step(command.step());
    reply.set_command_id(command.command_id());
    reply.set_status(status);
    reply.set_outcome(outcome);
    reply.set_message(message);
    reply.mutable_reserve_stock_reply();
    return reply;
  }

  void Deliver(const std::vector<Envelope>& replies) {
    const absl::Status applied = TryToDeliver(replies);
    ASSERT_TRUE(applied.ok()) << applied;
  }

  absl::Status TryToDeliver(const std::vector<Envelope>& replies) {
    std::vector<std::string> ids, payloads;
    for (const Envelope& reply : replies) {
      ids.push_back(uuid::ToString(uuid::NewV7()));
      payloads.push_back(reply.SerializeAsString());
    }
    std::vector<inbox::Delivery> batch;
    for (size_t i = 0; i < ids.size(); ++i) {
      batch.emplace_back(inbox::Record{
          .topic = "replies", .key = replies[i].tx_id(), .payload = payloads[i], .id = ids[i]});
    }
    return inbox::ApplyBatch(service_, orchestrator_, {}, absl::MakeSpan(batch), outcomes_);
  }

  void SetTableVersion(const uuid::Uuid& tx_id, int version) {
    auto set = owner_.Execute("UPDATE sagas SET table_version = $2 WHERE tx_id = $1",
                              postgres::Params().Id(tx_id).Int64(version));
    ASSERT_TRUE(set.ok()) << set.status();
  }

  // Of all series of a counter.
  double Sum(const std::string& counter) {
    double sum = 0;
    for (const auto& family : registry_.Collect()) {
      if (family.name != counter) continue;
      for (const auto& metric : family.metric) sum += metric.counter.value;
    }
    return sum;
  }

  saga::Saga Find(const uuid::Uuid& tx_id) {
    auto row = FindSaga(service_, tx_id);
    EXPECT_TRUE(row.ok()) << row.status();
    return (**row).saga;
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::OrchestratorMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
  postgres::Connection owner_ = database_.Connect();
  prometheus::Registry registry_;
  Trip trip_;
  Orchestrator orchestrator_{trip_, envelope::Format::kProtobuf, registry_};
  inbox::Outcomes outcomes_;
};

TEST_F(OrchestratorTest, ASagaGoesFromItsFirstCommandToItsEnd) {
  const uuid::Uuid tx_id = StartOne("seoul");
  const Envelope hotel = LastCommand();
  EXPECT_EQ(hotel.target(), "TRIP");
  EXPECT_EQ(hotel.tx_id(), uuid::ToString(tx_id));
  EXPECT_EQ(hotel.step(), "hotel");
  EXPECT_EQ(hotel.status(), Envelope::APPROVED);
  EXPECT_EQ(hotel.attempt(), 1);
  EXPECT_EQ(database_.Ask("SELECT topic || ' ' || aggregateid || ' ' || traceparent FROM outbox"),
            "to-hotel " + uuid::ToString(tx_id) + " 00-trace");

  Deliver({Answer(hotel, Envelope::APPROVED, "", "+room")});
  const Envelope flight = LastCommand();
  EXPECT_EQ(flight.step(), "flight");
  EXPECT_EQ(flight.reserve_stock().order_id(), "seoul+room") << "what a reply brought is kept";
  Deliver({Answer(flight, Envelope::APPROVED)});

  EXPECT_EQ(Find(tx_id).state, saga::State::kCompleted);
  EXPECT_THAT(trip_.heard, ElementsAre(saga::Event::kPivotPassed, saga::Event::kCompleted));
  EXPECT_EQ(Sum("saga_finished_total"), 1) << "the pivot was its last step: it ends once";
  auto log = ReadLog(service_, tx_id, 100);
  std::string story;
  for (const LogEntry& entry : *log) {
    story += (entry.kind == LogKind::kCommand ? ">" : "<") + entry.command + " ";
  }
  EXPECT_EQ(story, ">BookHotel <BookHotel >BookFlight <BookFlight ");
}

TEST_F(OrchestratorTest, ARefusedPivotIsUndoneBackwards) {
  const uuid::Uuid tx_id = StartOne("busan");
  Deliver({Answer(LastCommand(), Envelope::APPROVED)});
  Deliver({Answer(LastCommand(), Envelope::REJECTED, "NO_SEAT", "the plane is full")});
  const Envelope undo = LastCommand();
  EXPECT_EQ(undo.step(), "hotel");
  EXPECT_EQ(undo.status(), Envelope::REJECTED) << "REJECTED on a command asks for its undo";
  EXPECT_EQ(Find(tx_id).state, saga::State::kCompensating);
  Deliver({Answer(undo, Envelope::APPROVED)});
  const saga::Saga ended = Find(tx_id);
  EXPECT_EQ(ended.state, saga::State::kCompensated);
  EXPECT_EQ(ended.refusal->outcome, "NO_SEAT");
  EXPECT_THAT(trip_.heard, ElementsAre(saga::Event::kCompensated));
}

TEST_F(OrchestratorTest, RepeatedAndForeignRepliesChangeNothing) {
  const uuid::Uuid tx_id = StartOne("jeju");
  const Envelope reply = Answer(LastCommand(), Envelope::APPROVED);
  Envelope foreign = reply;
  foreign.set_command_id(uuid::ToString(uuid::NewV7()));
  Deliver({foreign, reply, reply});
  Deliver({reply});
  EXPECT_EQ(Find(tx_id).version, 2);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE topic = 'to-flight'"), 1);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM saga_log WHERE kind = 3"), 3);
}

// Postgres streams a commit before it shows it.
TEST_F(OrchestratorTest, AReplyThatIsFasterThanItsSagaIsNoDeadLetter) {
  const uuid::Uuid tx_id = uuid::NewV7();
  postgres::Connection other = *postgres::Connection::Open(database_.service(), "test");
  auto work = outbox::UnitOfWork::Begin(other);
  const Begin begin{tx_id, "seoul", "00-trace"};
  ASSERT_TRUE(orchestrator_.Start(*work, {&begin, 1}).ok());

  Envelope command;
  command.set_target("TRIP");
  command.set_tx_id(uuid::ToString(tx_id));
  command.set_step("hotel");
  command.set_command_id(
      saga::CommandId(command.tx_id(), "hotel", "BookHotel", saga::Direction::kAction));
  const std::string payload = Answer(command, Envelope::APPROVED).SerializeAsString();
  const std::string id = uuid::ToString(uuid::NewV7());
  const inbox::Record record{
      .topic = "replies", .key = command.tx_id(), .payload = payload, .id = id};

  std::vector<inbox::Delivery> early = {inbox::Delivery(record)};
  absl::Status applied =
      inbox::ApplyBatch(service_, orchestrator_, {}, absl::MakeSpan(early), outcomes_);
  EXPECT_TRUE(absl::IsAborted(applied)) << applied;
  ASSERT_TRUE(work->Commit().ok());
  std::vector<inbox::Delivery> again = {inbox::Delivery(record)};
  applied = inbox::ApplyBatch(service_, orchestrator_, {}, absl::MakeSpan(again), outcomes_);
  EXPECT_TRUE(applied.ok()) << applied;
  EXPECT_EQ(outcomes_.applied, 1);
  EXPECT_EQ(Find(tx_id).step, "flight");
}

TEST_F(OrchestratorTest, AReplyToAnUnknownSagaIsADeadLetter) {
  StartOne("daegu");
  Envelope reply = Answer(LastCommand(), Envelope::APPROVED);
  reply.set_tx_id(uuid::ToString(uuid::NewV7()));
  Deliver({reply});
  EXPECT_EQ(outcomes_.dead_letters, 1);
  EXPECT_THAT(database_.Ask("SELECT headers->>'kafka_dlt-exception-message' FROM outbox "
                            "WHERE topic = 'replies-dlt'"),
              HasSubstr("there is no saga"));
}

TEST_F(OrchestratorTest, AForgedReplyIsADeadLetterAndTheTrueOneCounts) {
  const uuid::Uuid tx_id = StartOne("pohang");
  const Envelope truth = Answer(LastCommand(), Envelope::APPROVED);
  Envelope forged = truth;
  forged.mutable_confirm_stock_reply();
  Deliver({forged, truth});
  EXPECT_EQ(outcomes_.dead_letters, 1);
  EXPECT_EQ(Find(tx_id).step, "flight");
}

// In the middle of a deployment: a newer program has begun a saga, and its reply comes to this one.
TEST_F(OrchestratorTest, ASagaOfANewerTableWaitsForItsProgramAndIsNotParked) {
  const uuid::Uuid newer = StartOne("ulsan");
  const Envelope reply = Answer(LastCommand(), Envelope::APPROVED);
  SetTableVersion(newer, 2);
  const absl::Status waits = TryToDeliver({reply});
  EXPECT_TRUE(absl::IsUnimplemented(waits)) << waits;
  EXPECT_THAT(std::string(waits.message()), HasSubstr("run a program that has the saga's own"));
  EXPECT_EQ(Find(newer).version, 1);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox_parked"), 0);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox"), 0) << "it comes again";
}

TEST_F(OrchestratorTest, ASagaEndsWithTheTableThatItBeganWith) {
  const uuid::Uuid old = StartOne("ulsan");
  const Envelope reply = Answer(LastCommand(), Envelope::APPROVED);
  SetTableVersion(old, Trip::kOldVersion);
  Deliver({reply});
  EXPECT_EQ(Find(old).step, "bus");
}

TEST_F(OrchestratorTest, ManySagasInOneBatchAreOneUpdate) {
  std::vector<Envelope> replies;
  for (int i = 0; i < 50; ++i) {
    StartOne("many");
    replies.push_back(Answer(LastCommand(), Envelope::APPROVED));
  }
  Deliver(replies);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM sagas WHERE step = 'flight'"), 50);
  EXPECT_EQ(database_.Count("SELECT count(DISTINCT xmin::text) FROM sagas"), 1);
}

TEST_F(OrchestratorTest, ASagaWhoseRowDoesNotReadHoldsOnlyItself) {
  const uuid::Uuid broken = StartOne("gwangju");
  const Envelope broken_command = LastCommand();
  const uuid::Uuid other = StartOne("sejong");
  const Envelope command = LastCommand();
  ASSERT_TRUE(owner_
                  .Execute("UPDATE sagas SET commands = '{}' WHERE tx_id = $1",
                           postgres::Params().Id(broken))
                  .ok());
  Deliver({Answer(broken_command, Envelope::APPROVED), Answer(command, Envelope::APPROVED)});
  EXPECT_EQ(outcomes_.parked, 1);
  EXPECT_EQ(Find(other).step, "flight");
}

TEST_F(OrchestratorTest, LocksAreTakenInOneOrderWhateverIsAskedFor) {
  std::vector<uuid::Uuid> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(StartOne("both"));
  // Two that lock the same rows asked for in opposite orders, many times: a deadlock would show.
  auto run = [&](std::vector<uuid::Uuid> mine) {
    auto connection = *postgres::Connection::Open(database_.service(), "test");
    for (int round = 0; round < 100; ++round) {
      auto transaction = postgres::Transaction::Begin(connection);
      auto locked = LockSagas(*transaction, mine);
      ASSERT_TRUE(locked.ok()) << locked.status();
      ASSERT_EQ(locked->size(), mine.size());
    }
  };
  std::thread one(run, ids), two(run, std::vector<uuid::Uuid>(ids.rbegin(), ids.rend()));
  one.join();
  two.join();
}

}  // namespace
}  // namespace orchestrator
