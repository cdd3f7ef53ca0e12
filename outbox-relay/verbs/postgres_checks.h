// What `doctor` asks a source database. Read only.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_POSTGRES_CHECKS_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_POSTGRES_CHECKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "libs/postgres/connection.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/verbs/symptom.h"

namespace relay {

// What the outbox's newest rows want of Kafka.
struct TopicInUse {
  std::string topic;
  int64_t largest_bytes = 0;  // payload of its largest event
};

struct SourceReport {
  Symptoms symptoms;
  std::vector<TopicInUse> topics;
};

// Everything about one source. Connects as a client, and for replication.
SourceReport CheckSource(const std::string& conninfo, const StateTopicOptions& state_topic);

// The parts, on a connection as a client.
void CheckServer(postgres::Connection& database, Symptoms& symptoms);
void CheckRole(postgres::Connection& database, Symptoms& symptoms);
void CheckPublicationOf(postgres::Connection& database, Symptoms& symptoms);
void CheckSlotOf(postgres::Connection& database, Symptoms& symptoms);
// False if there is no table, and then nothing more to ask about it.
bool CheckTable(postgres::Connection& database, Symptoms& symptoms);
void CheckPartitions(postgres::Connection& database, Symptoms& symptoms);
std::vector<TopicInUse> TopicsInUse(postgres::Connection& database, Symptoms& symptoms);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_POSTGRES_CHECKS_H_
