#include "libs/orchestrator/orchestrator.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/orchestrator/saga_log.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"

namespace orchestrator {
namespace {

using saga::v1::Envelope;

saga::Reply ReplyOf(const Envelope& envelope) {
  return {.step = envelope.step(),
          .command_id = envelope.command_id(),
          .approved = envelope.status() == Envelope::APPROVED,
          .outcome = envelope.outcome(),
          .message = envelope.message()};
}

// The name of the command that a reply answers; empty if the saga waits for none of that id.
std::string CommandNameOf(const saga::Saga& saga, const std::string& command_id) {
  for (const saga::SentCommand& command : saga.commands) {
    if (command.command_id == command_id) return command.name;
  }
  return {};
}

std::string TraceIdOf(const SagaRow& row) {
  return std::string(telemetry::TraceIdIn(row.traceparent.value_or("")));
}

// For those who debug: every reply is in the table saga_log as well.
void LogEnd(outbox::UnitOfWork& work, const SagaRow& row) {
  if (!telemetry::LogEnabled(telemetry::Level::kDebug)) return;
  work.AfterCommit([tx_id = row.saga.tx_id, trace = TraceIdOf(row),
                    state = std::string(saga::Name(row.saga.state))] {
    telemetry::Debug("saga ended", {{"tx_id", tx_id}, {"trace_id", trace}, {"state", state}});
  });
}

void LogStale(outbox::UnitOfWork& work, const SagaRow& row, const Envelope& reply) {
  if (!telemetry::LogEnabled(telemetry::Level::kDebug)) return;
  work.AfterCommit([tx_id = row.saga.tx_id, trace = TraceIdOf(row), step = reply.step(),
                    command_id = reply.command_id()] {
    telemetry::Debug(
        "a reply that the saga does not wait for changed nothing",
        {{"tx_id", tx_id}, {"trace_id", trace}, {"step", step}, {"command_id", command_id}});
  });
}

}  // namespace

absl::Status Orchestrator::Send(outbox::UnitOfWork& work, const SagaRow& row,
                                const std::vector<saga::CommandToSend>& commands) const {
  for (const saga::CommandToSend& command : commands) {
    Envelope envelope;
    envelope.set_target(row.saga.type);
    envelope.set_tx_id(row.saga.tx_id);
    envelope.set_status(command.direction == saga::Direction::kAction ? Envelope::APPROVED
                                                                      : Envelope::REJECTED);
    envelope.set_step(command.step);
    envelope.set_command_id(command.command_id);
    envelope.set_attempt(command.attempt);
    absl::Status filled = owner_.Fill(command, row.data, envelope);
    if (!filled.ok()) return filled;
    work.outbox().Add(
        envelope::ToEvent(envelope, format_, command.topic, row.traceparent, row.tracestate));
  }
  return absl::OkStatus();
}

absl::Status Orchestrator::Start(outbox::UnitOfWork& work, absl::Span<const Begin> begins) {
  if (begins.empty()) return absl::OkStatus();
  std::deque<SagaRow> rows;
  std::vector<const SagaRow*> pointers;
  SagaLog log;
  for (const Begin& begin : begins) {
    saga::Decision decision = saga::Start(owner_.table(), uuid::ToString(begin.tx_id));
    SagaRow& row = rows.emplace_back(SagaRow{.tx_id = begin.tx_id,
                                             .saga = std::move(decision.saga),
                                             .data = begin.data,
                                             .traceparent = begin.traceparent,
                                             .tracestate = begin.tracestate});
    pointers.push_back(&row);
    for (const saga::CommandToSend& command : decision.send) log.AddCommand(row.tx_id, command);
    if (absl::Status sent = Send(work, row, decision.send); !sent.ok()) return sent;
  }
  if (absl::Status made = InsertSagas(work.transaction(), pointers); !made.ok()) return made;
  if (absl::Status logged = log.Flush(work.transaction()); !logged.ok()) return logged;
  work.AfterCommit([this, count = begins.size()] { metrics_.CountStarted(count); });
  return absl::OkStatus();
}

absl::Status Orchestrator::Handle(outbox::UnitOfWork& work,
                                  absl::Span<inbox::Delivery* const> batch) {
  struct Item {
    inbox::Delivery* delivery;
    envelope::Parsed parsed;
  };
  std::vector<Item> items;
  std::set<uuid::Uuid> ids;
  for (inbox::Delivery* delivery : batch) {
    auto parsed = envelope::Parse(delivery->payload(), delivery->content_type());
    if (!parsed.ok()) {
      delivery->DeadLetter(std::string(parsed.status().message()));
      continue;
    }
    ids.insert(parsed->tx_id);
    items.push_back({delivery, *std::move(parsed)});
  }
  if (items.empty()) return absl::OkStatus();
  auto sagas = LockSagas(work.transaction(), {ids.begin(), ids.end()});
  if (!sagas.ok()) return sagas.status();
  std::vector<uuid::Uuid> missing;
  std::ranges::copy_if(ids, std::back_inserter(missing),
                       [&](const uuid::Uuid& id) { return !sagas->contains(id); });
  absl::Status unknown = unknown_.Confirm(work.transaction(), missing);
  if (!unknown.ok()) return unknown;

  std::set<const SagaRow*> changed;
  std::vector<Happened> happened;
  SagaLog log;
  for (Item& item : items) {
    auto found = sagas->find(item.parsed.tx_id);
    if (found == sagas->end()) {
      item.delivery->DeadLetter(
          absl::StrCat("there is no saga ", uuid::ToString(item.parsed.tx_id)));
      continue;
    }
    // A fault of this message would be held against the saga that its key names.
    if (item.delivery->key() != uuid::ToString(item.parsed.tx_id)) {
      item.delivery->DeadLetter("the key is not the tx_id");
      continue;
    }
    SagaRow& row = found->second;
    const Envelope& envelope = item.parsed.envelope;
    const saga::StepTable* table = owner_.FindTable(row.saga.table_version);
    auto decision =
        saga::OnReply(table != nullptr ? *table : owner_.table(), row.saga, ReplyOf(envelope));
    // Not the message's fault, so it must not be parked for it.
    if (!decision.ok()) return absl::UnimplementedError(decision.status().message());
    const std::string command = CommandNameOf(row.saga, envelope.command_id());
    if (!decision->stale) {
      absl::Status read = owner_.Absorb(command, envelope, row.data);
      if (absl::IsInvalidArgument(read)) {
        // Not what the command's participant sends: the true reply is still to come.
        item.delivery->DeadLetter(std::string(read.message()));
        continue;
      }
      if (!read.ok()) return read;
    }
    log.AddReply(row.tx_id, item.parsed.command_id, command, envelope, decision->stale);
    if (decision->stale) {
      LogStale(work, row, envelope);
      continue;
    }
    row.saga = std::move(decision->saga);
    changed.insert(&row);
    for (const saga::CommandToSend& command : decision->send) log.AddCommand(row.tx_id, command);
    if (absl::Status sent = Send(work, row, decision->send); !sent.ok()) return sent;
    for (saga::Event event : decision->events) happened.push_back({&row, event});
  }

  const std::vector<const SagaRow*> rows(changed.begin(), changed.end());
  if (absl::Status stored = UpdateSagas(work.transaction(), rows); !stored.ok()) return stored;
  if (absl::Status logged = log.Flush(work.transaction()); !logged.ok()) return logged;
  if (happened.empty()) return absl::OkStatus();
  if (absl::Status reacted = owner_.React(work, happened); !reacted.ok()) return reacted;

  std::vector<Metrics::Ended> ended;
  for (const Happened& one : happened) {
    if (one.event == saga::Event::kParked) {
      const saga::Refusal& why = *one.row->saga.parked;
      work.AfterCommit([tx_id = one.row->saga.tx_id, trace = TraceIdOf(*one.row), why] {
        telemetry::Error("saga is parked: an operator must decide", {{"tx_id", tx_id},
                                                                     {"trace_id", trace},
                                                                     {"step", why.step},
                                                                     {"command", why.command},
                                                                     {"outcome", why.outcome}});
      });
    } else if (one.event == saga::Event::kCompleted || one.event == saga::Event::kCompensated) {
      ended.push_back({one.row->saga.state, one.row->created_unix_microseconds});
      LogEnd(work, *one.row);
    }
  }
  work.AfterCommit([this, ended = std::move(ended)] { metrics_.CountEnded(ended); });
  return absl::OkStatus();
}

}  // namespace orchestrator
