#include "outbox-relay/verbs/setup_plan.h"

#include "absl/strings/str_cat.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/quote.h"
#include "outbox-relay/source/slot_state.h"

namespace relay {
namespace {

absl::Status CheckForeignSlot(const DatabaseState& state) {
  if (!state.has_slot || (state.slot_type == "logical" && state.slot_plugin == "pgoutput" &&
                          state.slot_database == state.database)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "a slot ", outbox::SlotName(state.database), " exists and is of type ", state.slot_type,
      ", plugin ", state.slot_plugin, ", database ", state.slot_database,
      ": not ours. Find out whose it is, and drop it by hand: SELECT pg_drop_replication_slot(",
      postgres::QuoteLiteral(outbox::SlotName(state.database)), ")"));
}

absl::Status PlanPublication(const DatabaseState& state, std::vector<Step>& steps) {
  const Publication& publication = state.publication;
  if (!publication.exists) {
    steps.push_back({Step::As::kOwner,
                     "CREATE PUBLICATION outbox FOR TABLE outbox WITH (publish = 'insert', "
                     "publish_via_partition_root = true)",
                     "what the slot sends; before the slot, which sees only what was published"});
    return absl::OkStatus();
  }
  if (publication.filters_rows || publication.lacks_columns) {
    const PublicationFault fault = *FaultOf(publication);
    return absl::FailedPreconditionError(absl::StrCat(fault.what, ". Fix: ", fault.fix));
  }
  const char* const after = state.has_slot ? kAfterAltering : "";
  if (!publication.has_outbox) {
    steps.push_back({Step::As::kOwner, "ALTER PUBLICATION outbox ADD TABLE outbox",
                     absl::StrCat("the publication lacks the table", after)});
  }
  // Where relays may run already, what they ignore is no reason to alter anything.
  const bool ignored_is_wrong =
      publication.sends_more || (!publication.via_root && !publication.outbox_is_partitioned);
  if (!publication.sends_inserts || (!publication.via_root && publication.outbox_is_partitioned) ||
      (ignored_is_wrong && !state.has_slot)) {
    steps.push_back({Step::As::kOwner,
                     "ALTER PUBLICATION outbox SET (publish = 'insert', "
                     "publish_via_partition_root = true)",
                     absl::StrCat("inserts only, under the table's own name", after)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Step>> PlanSetup(const DatabaseState& state, const SetupWishes& wishes) {
  if (state.wal_level != "logical") {
    return absl::FailedPreconditionError(
        absl::StrCat("wal_level is ", state.wal_level,
                     ": ALTER SYSTEM SET wal_level = logical, then restart Postgres"));
  }
  if (absl::Status foreign = CheckForeignSlot(state); !foreign.ok()) return foreign;
  if (!state.has_table && !wishes.create_table) {
    return absl::FailedPreconditionError(
        "there is no table outbox: run the service's `migrate` verb, or pass --create_table");
  }
  if (!state.has_table && state.publication.exists) {
    return absl::FailedPreconditionError(
        "a publication outbox exists, and no table outbox: DROP PUBLICATION outbox, if nobody uses "
        "it");
  }
  std::vector<Step> steps;
  // The migration of a new table makes its publication and its grants too.
  if (state.has_table) {
    if (absl::Status planned = PlanPublication(state, steps); !planned.ok()) return planned;
    if (!state.relay_may_read) {
      steps.push_back(
          {Step::As::kOwner,
           absl::StrCat("GRANT SELECT ON outbox TO ", postgres::QuoteIdentifier(state.relay_role)),
           "the relay reads its lag there"});
    }
  }
  if (state.has_slot) return steps;
  if (state.has_rows && !wishes.skip_existing_rows) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no slot, and the outbox of ", state.database,
        " has rows, which a new slot would never send. Fix: after a teardown, or if they need not "
        "be sent, pass --skip_existing_rows (it says how many are not recorded as published)",
        state.publication.exists ? "; if the slot was lost, " : "",
        state.publication.exists ? kSlotGoneFix : ""));
  }
  steps.push_back(
      {Step::As::kRelay,
       outbox::CreateSlotStatement(outbox::SlotName(state.database), state.server_version),
       "waits for the transactions that are open anywhere on the server",
       /*makes_slot=*/true});
  return steps;
}

absl::StatusOr<std::vector<Step>> PlanTeardown(const DatabaseState& state) {
  if (absl::Status foreign = CheckForeignSlot(state); !foreign.ok()) return foreign;
  if (state.active_pid.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a relay streams from the slot (server process ", *state.active_pid,
        "): stop every relay of this source, or `outbox-relay pause` it, and try again"));
  }
  std::vector<Step> steps;
  if (state.has_slot) {
    steps.push_back(
        {Step::As::kRelay,
         absl::StrCat("SELECT pg_drop_replication_slot(",
                      postgres::QuoteLiteral(outbox::SlotName(state.database)), ")::text"),
         "what it has not sent is in no stream from then on"});
  }
  if (state.publication.exists) {
    steps.push_back({Step::As::kOwner, "DROP PUBLICATION outbox", "nothing reads it any more"});
  }
  return steps;
}

}  // namespace relay
