// The Kafka door, an idempotent consumer: takes what one poll brings, applies it in one database
// transaction, and only then lets Kafka know.
//
// At-least-once delivery plus the inbox table makes effects once. A crash between the database's
// commit and Kafka's offset brings messages again; their ids are in the inbox, so nothing happens.
// A stopped process that wakes up late (Kafka has given its partitions away) is harmless for the
// same reason.
//
//   inbox::Door replies(options, pool, saga, runtime.metrics());
//   service::Loop loop("replies", [&](std::stop_token stop) { return replies.Run(stop); });
#ifndef ORDER_SAGA_LIBS_INBOX_DOOR_H_
#define ORDER_SAGA_LIBS_INBOX_DOOR_H_

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/inbox/handler.h"
#include "libs/kafka/admin.h"
#include "libs/kafka/config.h"
#include "libs/kafka/consumer.h"
#include "libs/postgres/pool.h"
#include "prometheus/registry.h"

namespace inbox {

struct DoorOptions {
  kafka::Settings settings;
  std::string group;
  std::vector<std::string> topics;
  // Made before the first poll, and waited for; empty: whoever owns the topics makes them.
  std::vector<kafka::TopicSpec> create_topics;
  kafka::PollLimits limits;
  // See HasJoined. Longer than a group takes for its first rebalance (brokers wait 3 s for others).
  std::chrono::milliseconds max_joining = std::chrono::seconds(30);
};

class Door {
 public:
  // `handler`, `pool` and `metrics` are not owned and must outlive the door.
  Door(DoorOptions options, postgres::Pool& pool, Handler& handler, prometheus::Registry& metrics);
  ~Door();

  // Joins the group once the database can be used (the pool's check is content). Until a stop is
  // requested: the batch in hand is finished, if the database is there, and the group left. A
  // database or a broker that is down is waited for, with a line in the log that says so. An error
  // is final: a wrong setting, or a consumer that librdkafka gave up.
  absl::Status Run(std::stop_token stop);

  // A readiness check. Unavailable until the group has given this member its partitions (none, if
  // others hold them all): what comes in before waits for that. Once OK it stays so: rebalances are
  // everyday. OK too when that has taken longer than max_joining: a Kafka that is away must not
  // keep calls from a service that can take them. Thread-safe.
  absl::Status HasJoined() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_DOOR_H_
