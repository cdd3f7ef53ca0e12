#include "outbox-relay/pause/pause_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "libs/telemetry/check.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/pause/pause_row.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

// A look without a notification: the row may have changed while nobody listened.
constexpr milliseconds kLookAnyway(5'000);
constexpr milliseconds kAnswer(10'000);
constexpr milliseconds kFirstReconnect(250), kLongestReconnect(10'000);

void Sleep(int stop_fd, milliseconds time) {
  pollfd stop = {stop_fd, POLLIN, 0};
  poll(&stop, 1, static_cast<int>(time.count()));
}

}  // namespace

PauseWatch::PauseWatch(std::string name, std::string conninfo, prometheus::Registry& registry,
                       SourceState& state)
    : name_(std::move(name)),
      conninfo_(std::move(conninfo)),
      state_(state),
      paused_(prometheus::BuildGauge()
                  .Name("outbox_relay_paused")
                  .Help("1 while the source is paused: outbox-relay resume ends that.")
                  .Register(registry)
                  .Add({{"source", name_}})) {}

absl::Status PauseWatch::Run(std::stop_token stop) {
  const int stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ORDER_SAGA_CHECK(stop_fd >= 0, "the process has file descriptors left");
  {
    std::stop_callback wake(stop, [stop_fd] { eventfd_write(stop_fd, 1); });
    milliseconds pause(0);
    while (!stop.stop_requested()) {
      absl::Status status = connection_ ? absl::OkStatus() : Connect();
      if (status.ok()) status = Read();
      if (status.ok()) {
        pause = milliseconds(0);
        status = Wait(stop_fd);
      }
      if (status.ok()) continue;
      // The stream says what there is to say about a database that is away.
      connection_.reset();
      pause = std::clamp(pause * 2, kFirstReconnect, kLongestReconnect);
      Sleep(stop_fd, pause);
    }
  }
  connection_.reset();
  close(stop_fd);
  return absl::OkStatus();
}

absl::Status PauseWatch::Connect() {
  auto connection = postgres::Connection::Open(conninfo_, "outbox-relay pause");
  if (!connection.ok()) return connection.status();
  connection_.emplace(*std::move(connection));
  connection_->SetAnswerTimeout(kAnswer);
  // Less than the answer's: one that is given up here must not wait on there.
  return connection_->ExecuteScript(
      "SET statement_timeout = '8s'; SET lock_timeout = '2s'; LISTEN outbox_pause");
}

absl::Status PauseWatch::Read() {
  auto row = ReadPause(*connection_);
  if (!row.ok()) return row.status();
  auto end = connection_->Execute("SELECT pg_current_wal_lsn()::text");
  if (!end.ok()) return end.status();
  absl::StatusOr<Lsn> log_end = ParseLsn(end->Text(0, 0));
  if (!log_end.ok()) return log_end.status();
  state_.SetLogEnd(*log_end, std::chrono::steady_clock::now());
  if (row->has_value() != state_.paused()) {
    if (row->has_value()) {
      telemetry::Warn("paused: nothing is published until `outbox-relay resume`",
                      {{"source", name_},
                       {"by", (*row)->by},
                       {"reason", (*row)->reason},
                       {"since", (*row)->since}});
    } else {
      telemetry::Info("resumed", {{"source", name_}});
    }
  }
  paused_.Set(row->has_value() ? 1 : 0);
  state_.SetPaused(row->has_value());
  return absl::OkStatus();
}

absl::Status PauseWatch::Wait(int stop_fd) {
  pollfd descriptors[] = {{PQsocket(connection_->raw()), POLLIN, 0}, {stop_fd, POLLIN, 0}};
  if (poll(descriptors, 2, static_cast<int>(kLookAnyway.count())) > 0 &&
      descriptors[0].revents != 0 && PQconsumeInput(connection_->raw()) == 0) {
    return absl::UnavailableError("lost the connection");
  }
  while (PGnotify* notification = PQnotifies(connection_->raw())) PQfreemem(notification);
  return absl::OkStatus();
}

}  // namespace relay
