// For tests of a service's command handler: its database, and a counter at which commands are
// handed in and replies come out. All of the way but Kafka.
#ifndef ORDER_SAGA_LIBS_PARTICIPANT_TESTING_COUNTER_H_
#define ORDER_SAGA_LIBS_PARTICIPANT_TESTING_COUNTER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "libs/inbox/unit.h"
#include "libs/participant/participant.h"
#include "libs/testing/test_database.h"

namespace participant {

class Counter {
 public:
  // A new database with what every participant has, and `own`. `handler` is not owned.
  Counter(CommandHandler& handler, const postgres::MigrationSet& own);

  // A command of the saga `tx_id` without a body yet, with a new command id.
  static saga::v1::Envelope NewCommand(const std::string& tx_id);
  static std::string NewTxId();

  // Hands the commands in as one batch, each in a message of its own with a new id; answers the
  // replies that this has sent, in order. Fails the test if the batch cannot be applied.
  std::vector<saga::v1::Envelope> Send(const std::vector<saga::v1::Envelope>& commands);

  // The same over a connection of the caller's, for several threads at once; again and again while
  // the database asks for it. Its replies stay in the outbox.
  absl::Status Apply(postgres::Connection& connection,
                     const std::vector<saga::v1::Envelope>& commands);

  // The replies that were sent since the last call, in order.
  std::vector<saga::v1::Envelope> Replies();

  testsupport::TestDatabase& database() { return database_; }
  postgres::Connection NewConnection() const;
  // How often the database made Send() or Apply() start over: deadlocks, races.
  int reruns() const { return reruns_; }
  // What became of the messages of the last Send().
  const inbox::Outcomes& outcomes() const { return outcomes_; }
  static ReplyOptions replies() { return {.topic = "replies"}; }

 private:
  testsupport::TestDatabase database_;
  Participant participant_;
  postgres::Connection service_;
  postgres::Connection reader_;
  inbox::Outcomes outcomes_;
  std::atomic<int> reruns_ = 0;
  int64_t seen_ = 0;
};

}  // namespace participant

#endif  // ORDER_SAGA_LIBS_PARTICIPANT_TESTING_COUNTER_H_
