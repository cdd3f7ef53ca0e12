#include "outbox-relay/source/replication_stream.h"

#include <poll.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/source/publication.h"
#include "outbox-relay/source/stream_frame.h"

namespace relay {
namespace {

int64_t UnixMicrosecondsNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::Status ExplainEnd(const absl::Status& error) {
  if (postgres::SqlState(error) != "42704") return error;  // undefined_object
  return absl::FailedPreconditionError(
      absl::StrCat(std::string(error.message()),
                   ": the log has rows from a time when there was none, and cannot be read past "
                   "them. Fix: SELECT pg_drop_replication_slot of this slot, then ",
                   kSlotGoneFix));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReplicationStream>> ReplicationStream::Connect(
    const StreamOptions& options) {
  absl::StatusOr<PgConnection> connection =
      ConnectForReplication(options.conninfo, options.wal_sender_timeout, options.stop_fd);
  if (!connection.ok()) return connection.status();
  std::unique_ptr<ReplicationStream> stream(new ReplicationStream(*std::move(connection)));
  stream->slot_ = outbox::SlotName(PQdb(stream->connection_.get()));
  if (absl::Status status = stream->Check(); !status.ok()) return status;
  return stream;
}

absl::Status ReplicationStream::Check() {
  if (absl::Status identified = Reidentify(); !identified.ok()) return identified;
  auto pause = ReadPause(connection_.get());
  if (!pause.ok()) return pause.status();
  paused_ = pause->has_value();
  if (paused_) return absl::OkStatus();
  // First the publication: without it the slot would be the wrong thing to mend.
  absl::StatusOr<Publication> publication = ReadPublication(connection_.get());
  if (!publication.ok()) return publication.status();
  if (const auto fault = FaultOf(*publication)) {
    return absl::FailedPreconditionError(absl::StrCat(fault->what, ". Fix: ", fault->fix));
  }
  publication_state_ = std::move(publication->state);
  absl::StatusOr<SlotState> slot = ReadSlot(connection_.get(), slot_);
  if (!slot.ok()) return slot.status();
  slot_state_ = *std::move(slot);
  const bool standby = slot_state_.ours() && !slot_state_.active_pid.empty();
  return standby ? CheckSlotState(slot_state_) : absl::OkStatus();
}

absl::Status ReplicationStream::Reidentify() {
  absl::StatusOr<WalIdentity> identity = Identify(connection_.get());
  if (!identity.ok()) return identity.status();
  identity_ = *std::move(identity);
  return absl::OkStatus();
}

absl::Status ReplicationStream::Start(Lsn from) {
  // Protocol 1 sends a transaction only once it is committed.
  const std::string command =
      absl::StrCat("START_REPLICATION SLOT ", postgres::QuoteIdentifier(slot_), " LOGICAL ",
                   ToString(from), " (proto_version '1', binary 'true', publication_names '",
                   postgres::QuoteIdentifier(kPublication), "')");
  postgres::Result result(PQexec(connection_.get(), command.c_str()));
  if (PQresultStatus(result.raw()) != PGRES_COPY_BOTH) {
    return ExplainStart(connection_.get(), result.raw(), slot_);
  }
  if (PQsetnonblocking(connection_.get(), 1) != 0) return Lost();
  return absl::OkStatus();
}

absl::Status ReplicationStream::Lost() {
  return absl::UnavailableError(
      absl::StrCat("lost the replication connection: ",
                   absl::StripAsciiWhitespace(PQerrorMessage(connection_.get()))));
}

absl::Status ReplicationStream::WhyEnded() {
  if (absl::Status received = Receive(); !received.ok()) return received;
  absl::StatusOr<std::string_view> frame = NextFrame();
  while (frame.ok() && !frame->empty()) frame = NextFrame();
  return frame.status();
}

absl::Status ReplicationStream::Receive() {
  if (PQconsumeInput(connection_.get()) == 0) return Lost();
  // A TLS record may hold more than one read takes, and poll(2) does not see it.
  for (int i = 0; i < 3 && PQsslInUse(connection_.get()); ++i) {
    if (PQconsumeInput(connection_.get()) == 0) return Lost();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> ReplicationStream::NextFrame() {
  char* bytes = nullptr;
  const int size = PQgetCopyData(connection_.get(), &bytes, /*async=*/1);
  frame_.reset(bytes);
  if (size > 0) return std::string_view(bytes, static_cast<size_t>(size));
  if (size == 0) return std::string_view();
  if (size == -2) return Lost();
  // The server has ended the stream; why is in the result, if there is one.
  postgres::Result result(PQgetResult(connection_.get()));
  if (result.raw() != nullptr && PQresultStatus(result.raw()) == PGRES_FATAL_ERROR) {
    return ExplainEnd(
        postgres::ErrorFrom(connection_.get(), result.raw(), "the replication stream ended"));
  }
  return absl::UnavailableError("Postgres ended the replication stream");
}

absl::Status ReplicationStream::SendStatus(Lsn confirmed) {
  // A server that takes nothing off the wire needs no second message in the queue.
  if (wants_write_) return Flush();
  const StatusUpdate update = EncodeStatusUpdate(confirmed, UnixMicrosecondsNow());
  const int queued =
      PQputCopyData(connection_.get(), update.data(), static_cast<int>(update.size()));
  return queued < 0 ? Lost() : Flush();
}

absl::Status ReplicationStream::Flush() {
  const int left = PQflush(connection_.get());
  wants_write_ = left > 0;
  return left < 0 ? Lost() : absl::OkStatus();
}

void ReplicationStream::Finish(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) return;
  // What still comes is thrown away; the end of the stream comes once the server has read ours.
  while (Flush().ok()) {
    if (PQconsumeInput(connection_.get()) == 0) return;
    absl::StatusOr<std::string_view> frame = NextFrame();
    while (frame.ok() && !frame->empty()) frame = NextFrame();
    if (!frame.ok()) return;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd socket = {fd(), static_cast<short>(POLLIN | (wants_write_ ? POLLOUT : 0)), 0};
    poll(&socket, 1, static_cast<int>(left.count()));
  }
}

}  // namespace relay
