// Connects to Postgres for logical replication.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CONNECT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CONNECT_H_

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

using PgConnection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

// Waits at most 10 s, or until `stop_fd` is readable (Cancelled; -1: no such descriptor). What
// `conninfo` says itself wins over our settings: a peer that vanished is noticed within 10 s (TCP),
// and the session is named outbox-relay. PermissionDenied: the server asked for a password and the
// one there is (if any) is wrong. Unavailable: everything else; the message says the fix where we
// can know.
absl::StatusOr<PgConnection> ConnectForReplication(const std::string& conninfo,
                                                   std::chrono::milliseconds wal_sender_timeout,
                                                   int stop_fd);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CONNECT_H_
