#include "libs/saga/simulation/world.h"

#include <algorithm>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_format.h"
#include "libs/saga/command_id.h"

namespace saga::simulation {
namespace {

// The command that takes an action back: its undo or its cancel; empty if it has none.
const std::string& TakeBackOf(const Command& action) {
  return action.undo.empty() ? action.cancel : action.undo;
}

std::string FingerprintOf(const SagaRun& run) {
  std::string bytes = absl::StrCat("|", static_cast<int>(run.saga.state), run.saga.step,
                                   static_cast<int>(run.order), run.ends);
  for (const SentCommand& sent : run.saga.commands) {
    absl::StrAppend(&bytes, ",", sent.command_id, static_cast<int>(sent.answer));
  }
  if (run.saga.refusal) absl::StrAppend(&bytes, ",no");
  if (run.saga.parked) absl::StrAppend(&bytes, ",parked");
  return bytes;
}

}  // namespace

std::string TxId(int saga) { return absl::StrFormat("00000000-0000-7000-8000-%012d", saga); }

World::World(const System& system, int sagas, const std::vector<int>& units) : system_(&system) {
  for (const Step& step : system.table.steps) {
    for (const Command& command : step.commands) {
      const bool known = std::any_of(participants_.begin(), participants_.end(),
                                     [&](auto& other) { return other.topic() == command.topic; });
      if (known) continue;
      const size_t i = std::min(participants_.size(), units.size() - 1);
      participants_.emplace_back(command.topic, units[i]);
    }
  }
  for (int saga = 0; saga < sagas; ++saga) {
    const Decision decision = Start(system.table, TxId(saga));
    runs_.push_back({decision.saga});
    for (const CommandToSend& command : decision.send) SendCommand(saga, command);
  }
}

size_t World::IndexOf(const std::string& topic) const {
  for (size_t i = 0; i < participants_.size(); ++i) {
    if (participants_[i].topic() == topic) return i;
  }
  ABSL_RAW_CHECK(false, "a command was sent to a topic that nobody reads");
  return 0;
}

void World::Deliver(const Delivery& delivery, Checks& checks) {
  const Message message = in_flight_[delivery.message];
  switch (delivery.fate) {
    case Fate::kOvertaken:
      Overtake(message, checks);
      break;
    case Fate::kCrashes:
      if (!system_->doors.commits_offset_last) Remove(delivery.message);
      Crash(message, delivery.willing, checks);
      break;
    case Fate::kCommitted:
      Remove(delivery.message);
      Handle(message, delivery.willing, checks);
      break;
    case Fate::kComesAgain:
      Handle(message, delivery.willing, checks);
      break;
  }
  CheckNow(*this, checks);
}

bool World::MayBeOvertaken(size_t index) const {
  const Message& message = in_flight_[index];
  if (message.is_reply || message.command.direction != Direction::kAction) return false;
  const Step& step = *FindStep(system_->table, message.command.step);
  const Command& action = ActionOf(step, message.command.name);
  const Participant& participant = At(action.topic);
  return !TakeBackOf(action).empty() && !participant.HasAnswered(message.command.command_id) &&
         participant.EffectOf(message.saga, action.name) == Effect();
}

void World::Overtake(const Message& action, Checks& checks) {
  CommandToSend first = action.command;
  first.name = TakeBackOf(ActionOf(*FindStep(system_->table, first.step), first.name));
  first.direction = Direction::kCompensation;
  first.command_id = CommandId(TxId(action.saga), first.step, first.name, first.direction);
  Handle({.saga = action.saga, .command = first}, /*willing=*/true, checks);
}

void World::Crash(const Message& message, bool willing, Checks& checks) {
  World lost = *this;
  lost.Handle(message, willing, checks);
  if (!system_->doors.sends_through_outbox) in_flight_ = std::move(lost.in_flight_);
}

bool World::MayRefuse(size_t index) const {
  const Message& message = in_flight_[index];
  return !message.is_reply && message.command.direction == Direction::kAction &&
         FindStep(system_->table, message.command.step)->kind != StepKind::kRetriable;
}

void World::Handle(const Message& message, bool willing, Checks& checks) {
  if (message.is_reply) {
    absl::StatusOr<Decision> decision =
        system_->on_reply(system_->table, runs_[message.saga].saga, message.reply);
    checks.Expect(decision.ok(), "saga ", message.saga, ": ", decision.status().message());
    if (decision.ok()) Apply(message.saga, *decision, checks);
    return;
  }
  const CommandToSend& command = message.command;
  const Reply reply =
      participants_[IndexOf(command.topic)].Handle(*system_, message.saga, command, willing);
  if (reply.approved && command.direction == Direction::kCompensation) {
    const Step& step = *FindStep(system_->table, command.step);
    promised_gone_.insert({message.saga, ActionOf(step, command.name).name});
  }
  SendReply(message.saga, reply);
}

void World::Apply(int saga, const Decision& decision, Checks& checks) {
  SagaRun& run = runs_[saga];
  if (decision.stale) {
    checks.Expect(decision.saga == run.saga && decision.send.empty() && decision.events.empty(),
                  "saga ", saga, ": a stale reply changed something");
    return;
  }
  checks.Expect(!Ended(run.saga), "saga ", saga, " changed after its end");
  run.saga = decision.saga;
  for (const Event event : decision.events) React(run, event, checks);
  for (const CommandToSend& command : decision.send) {
    CheckMaySend(*this, saga, command, checks);
    SendCommand(saga, command);
  }
}

void World::React(SagaRun& run, Event event, Checks& checks) {
  const bool pending = run.order == OrderStatus::kPending;
  switch (event) {
    case Event::kPivotPassed:
      checks.Expect(pending, run.saga.tx_id, ": the pivot was passed, but the order has ended");
      run.order = OrderStatus::kApproved;
      break;
    case Event::kCompleted:
      if (pending) run.order = OrderStatus::kApproved;  // a table without pivot
      ++run.ends;
      break;
    case Event::kCompensated:
      checks.Expect(pending, run.saga.tx_id, ": compensated, but the order has ended");
      run.order = OrderStatus::kRejected;
      ++run.ends;
      break;
    case Event::kParked:
      checks.Expect(false, run.saga.tx_id, " is parked: ", run.saga.parked->command, " ",
                    run.saga.parked->outcome);
      break;
  }
}

void World::SendCommand(int saga, const CommandToSend& command) {
  Put({.saga = saga, .command = command, .key = absl::StrCat("c", saga, command.command_id)});
}

void World::SendReply(int saga, const Reply& reply) {
  Put({.saga = saga,
       .is_reply = true,
       .reply = reply,
       .key =
           absl::StrCat("r", saga, reply.command_id, reply.approved ? "+" : "-", reply.outcome)});
}

void World::Put(Message message) {
  const auto behind = std::upper_bound(
      in_flight_.begin(), in_flight_.end(), message.key,
      [](const std::string& key, const Message& other) { return key < other.key; });
  in_flight_.insert(behind, std::move(message));
}

void World::Remove(size_t message) {
  in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(message));
}

std::string World::Describe(const Delivery& delivery) const {
  std::string text = Describe(in_flight_[delivery.message]);
  if (!delivery.willing) absl::StrAppend(&text, ", unwilling");
  switch (delivery.fate) {
    case Fate::kCommitted:
      return text;
    case Fate::kComesAgain:
      return absl::StrCat(text, ", and comes again");
    case Fate::kCrashes:
      return absl::StrCat(text, ", and crashes before the commit");
    case Fate::kOvertaken:
      return absl::StrCat(text, " is overtaken by what takes it back");
  }
  return text;
}

std::string World::Describe(const Message& message) const {
  if (!message.is_reply) return absl::StrCat("saga ", message.saga, ": ", message.command.name);
  const Reply& reply = message.reply;
  std::string of = reply.command_id;
  for (const Step& step : system_->table.steps) {
    for (const Command& action : step.commands) {
      for (const std::string* name : {&action.name, &action.undo, &action.cancel}) {
        const Direction direction =
            name == &action.name ? Direction::kAction : Direction::kCompensation;
        if (CommandId(TxId(message.saga), step.name, *name, direction) == of) of = *name;
      }
    }
  }
  return absl::StrCat("saga ", message.saga, ": reply to ", of,
                      reply.approved ? ": approved" : ": refused ", reply.outcome);
}

std::string World::Fingerprint() const {
  std::string bytes;
  for (const SagaRun& run : runs_) absl::StrAppend(&bytes, FingerprintOf(run));
  for (const Participant& participant : participants_) {
    absl::StrAppend(&bytes, "|", participant.Fingerprint());
  }
  for (const Message& message : in_flight_) absl::StrAppend(&bytes, "|", message.key);
  for (const auto& [saga, action] : promised_gone_) absl::StrAppend(&bytes, "|", saga, action);
  return bytes;
}

}  // namespace saga::simulation
