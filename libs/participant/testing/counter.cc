#include "libs/participant/testing/counter.h"

#include <gtest/gtest.h>

#include "libs/inbox/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/participant/migrations.h"
#include "libs/postgres/sql_error.h"

namespace participant {

using saga::v1::Envelope;

Counter::Counter(CommandHandler& handler, const postgres::MigrationSet& own)
    : database_({&postgres::PartitionMigrations(), &postgres::OutboxMigrations(),
                 &postgres::InboxMigrations(), &postgres::ParticipantMigrations(), &own}),
      participant_(handler, replies()),
      service_(NewConnection()),
      reader_(database_.Connect()) {}

postgres::Connection Counter::NewConnection() const {
  return *postgres::Connection::Open(database_.service(), "test");
}

std::string Counter::NewTxId() { return uuid::ToString(uuid::NewV7()); }

Envelope Counter::NewCommand(const std::string& tx_id) {
  Envelope command;
  command.set_target("ORDER_CREATION");
  command.set_tx_id(tx_id);
  command.set_command_id(uuid::ToString(uuid::NewV7()));
  command.set_status(Envelope::APPROVED);
  command.set_step("a-step");
  command.set_attempt(1);
  return command;
}

absl::Status Counter::Apply(postgres::Connection& connection,
                            const std::vector<Envelope>& commands) {
  std::vector<std::string> ids, payloads;
  for (const Envelope& command : commands) {
    ids.push_back(uuid::ToString(uuid::NewV7()));
    payloads.push_back(command.SerializeAsString());
  }
  for (;;) {
    std::vector<inbox::Delivery> batch;
    for (size_t i = 0; i < commands.size(); ++i) {
      batch.emplace_back(inbox::Record{
          .topic = "commands", .key = commands[i].tx_id(), .payload = payloads[i], .id = ids[i]});
    }
    inbox::Outcomes outcomes;
    absl::Status applied =
        inbox::ApplyBatch(connection, participant_, uuid::Uuid{}, absl::MakeSpan(batch), outcomes);
    if (postgres::ShouldRerun(applied)) {
      ++reruns_;
      continue;
    }
    if (&connection == &service_) outcomes_ = outcomes;
    return applied;
  }
}

std::vector<Envelope> Counter::Send(const std::vector<Envelope>& commands) {
  absl::Status applied = Apply(service_, commands);
  EXPECT_TRUE(applied.ok()) << applied;
  return Replies();
}

std::vector<Envelope> Counter::Replies() {
  auto rows = reader_.Execute(
      "SELECT payload, seq FROM outbox WHERE topic = 'replies' AND seq > $1 ORDER BY seq",
      postgres::Params().Int64(seen_));
  EXPECT_TRUE(rows.ok()) << rows.status();
  std::vector<Envelope> replies(rows->rows());
  for (int i = 0; i < rows->rows(); ++i) {
    EXPECT_TRUE(replies[i].ParseFromString(std::string(rows->Text(i, 0))));
    seen_ = rows->Int64(i, 1);
  }
  return replies;
}

}  // namespace participant
