// A replication slot, as the server describes it.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_STATE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_STATE_H_

#include <string>

#include "outbox-relay/source/lsn.h"

namespace relay {

struct SlotState {
  std::string name;
  std::string wanted_database;  // the connection's
  bool exists = false;
  std::string type, plugin, database;
  bool lost = false;
  // A standby that was promoted since had it from its primary (Postgres 17 and later).
  bool synchronized = false;
  std::string active_pid;  // empty: nobody uses it
  Lsn confirmed;
  // What a person types to make it on this server.
  std::string create_sql;

  // One that the relay could read, were it not lost.
  bool ours() const {
    return exists && type == "logical" && plugin == "pgoutput" && database == wanted_database;
  }
};

// For people whose slot is missing or lost though relays have published from it.
inline constexpr char kSlotGoneFix[] =
    "start the relay with --heal=table: it publishes from the outbox's rows what is not at Kafka, "
    "and makes the slot anew; `outbox-relay accept-history` names the other choices";

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_STATE_H_
