// The stream of a database's committed outbox rows: a logical replication slot with the plugin
// pgoutput, read over libpq's replication protocol.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_STREAM_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_STREAM_H_

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/publication.h"
#include "outbox-relay/source/replication_checks.h"
#include "outbox-relay/source/replication_connect.h"

namespace relay {

struct StreamOptions {
  // libpq's: a URI or keywords. Names the database; the role needs LOGIN and REPLICATION.
  std::string conninfo;
  // After that long without a sign of us the server lets the slot go, so that another relay can
  // take over. At least 1 s.
  std::chrono::milliseconds wal_sender_timeout{10'000};
  // Readable when the program is to stop: ends a connection attempt. -1: never.
  int stop_fd = -1;
};

// One connection. Used by one thread. Errors: Unavailable, PermissionDenied (connect again later),
// AlreadyExists (another relay has the slot: wait for it), FailedPrecondition (something must be
// put right first, and the message says what), Cancelled (stop_fd).
class ReplicationStream {
 public:
  // Connects and checks all that can be known before Start, but for the slot: only that nobody else
  // uses it. Where the source is paused nothing is checked but that: nobody is to start.
  static absl::StatusOr<std::unique_ptr<ReplicationStream>> Connect(const StreamOptions& options);

  bool paused() const { return paused_; }
  const std::string& slot() const { return slot_; }  // "outbox_" and the database's name
  const WalIdentity& identity() const { return identity_; }
  // The slot, when Connect asked.
  const SlotState& slot_state() const { return slot_state_; }

  // The publication, when Connect asked: see PublicationStateSql.
  const std::string& publication_state() const { return publication_state_; }

  // For what is to be asked before Start. Owned by this.
  PGconn* connection() { return connection_.get(); }
  // Asks the server again who it is.
  absl::Status Reidentify();

  // See FingerprintPublication.
  absl::StatusOr<std::string> FingerprintPublication() {
    return relay::FingerprintPublication(connection_.get());
  }

  // The process that serves us, as pg_replication_slots.active_pid has it.
  int server_pid() const { return PQbackendPID(connection_.get()); }

  // Starts behind `from`, or behind what the slot has confirmed if that is more.
  absl::Status Start(Lsn from);

  // poll(2) for reading; for writing too while wants_write().
  int fd() const { return PQsocket(connection_.get()); }
  bool wants_write() const { return wants_write_; }

  // Takes what the socket has; does not wait.
  absl::Status Receive();
  // Sends what is left to send; does not wait.
  absl::Status Flush();

  // The next frame that was received, or an empty view. Valid until the next call.
  absl::StatusOr<std::string_view> NextFrame();

  // Once nothing more is to be read: why the server has ended the stream; OK if it has not.
  absl::Status WhyEnded();

  // Says that we live and, if known, what is confirmed. Does not wait.
  absl::Status SendStatus(Lsn confirmed);

  // Ends the stream in order: waits, at most `timeout`, until the server has read what was sent.
  void Finish(std::chrono::milliseconds timeout);

 private:
  explicit ReplicationStream(PgConnection connection)
      : connection_(std::move(connection)), frame_(nullptr, &PQfreemem) {}

  absl::Status Check();
  absl::Status Lost();

  PgConnection connection_;
  std::unique_ptr<char, decltype(&PQfreemem)> frame_;
  std::string publication_state_;
  std::string slot_;
  WalIdentity identity_;
  SlotState slot_state_;
  bool wants_write_ = false;
  bool paused_ = false;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_STREAM_H_
