#include "outbox-relay/history/state_table.h"

#include "absl/strings/str_cat.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/source/publication.h"

namespace relay {
namespace {

// The connection may lead to another server than the stream did when the record was made, or the
// server may have been promoted since.
// `parameter` is the system identifier's; the timeline's is the next.
std::string OnThisServer(int parameter) {
  return absl::StrCat("(SELECT system_identifier::text FROM pg_control_system()) = $", parameter,
                      "::text AND substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) = "
                      "lpad(upper(to_hex($",
                      parameter + 1, "::bigint)), 8, '0')");
}

// What a stream may go on recording under: the server is the same, and its publication, too.
std::string StillStreamedSql(postgres::Connection& connection) {
  return absl::StrCat(OnThisServer(3), " AND ($6::text = '' OR $6::text = ",
                      PublicationStateSql(PQserverVersion(connection.raw())), ")");
}

std::string WriteSql(postgres::Connection& connection) {
  return absl::StrCat(
      "INSERT INTO outbox_relay_state AS state "
      "(slot, generation, system_id, timeline, confirmed, details) "
      "SELECT $1::text, $2::bigint, $3::text, $4::bigint, $5::text::pg_lsn, $7::text WHERE ",
      StillStreamedSql(connection),
      " ON CONFLICT (slot) DO UPDATE SET confirmed = excluded.confirmed, details = "
      "excluded.details, recorded_at = clock_timestamp() "
      "WHERE state.generation = excluded.generation AND state.system_id = excluded.system_id "
      "AND state.timeline = excluded.timeline AND state.confirmed <= excluded.confirmed");
}

std::string WritePositionSql(postgres::Connection& connection) {
  return absl::StrCat(
      "UPDATE outbox_relay_state SET confirmed = $5::text::pg_lsn, recorded_at = clock_timestamp() "
      "WHERE slot = $1::text AND generation = $2::bigint AND system_id = $3::text "
      "AND timeline = $4::bigint AND confirmed <= $5::text::pg_lsn AND ",
      StillStreamedSql(connection));
}

std::string StandsSql(postgres::Connection& connection) {
  return absl::StrCat(
      "SELECT count(*) FROM outbox_relay_state WHERE slot = $1::text AND generation = $2::bigint "
      "AND system_id = $3::text AND timeline = $4::bigint AND confirmed >= $5::text::pg_lsn AND ",
      StillStreamedSql(connection));
}

std::string ReplaceSql() {
  return absl::StrCat(
      "INSERT INTO outbox_relay_state AS state "
      "(slot, generation, system_id, timeline, confirmed, details) "
      "SELECT $1::text, $2::bigint, $3::text, $4::bigint, $5::text::pg_lsn, $6::text WHERE ",
      OnThisServer(3),
      " ON CONFLICT (slot) DO UPDATE SET generation = excluded.generation, "
      "system_id = excluded.system_id, timeline = excluded.timeline, confirmed = "
      "excluded.confirmed, details = excluded.details, recorded_at = clock_timestamp() "
      "WHERE state.generation < excluded.generation");
}

postgres::Params ParamsOf(const HistoryRecord& record) {
  return postgres::Params()
      .Text(record.slot)
      .Int64(record.generation)
      .Text(record.system_id)
      .Int64(record.timeline)
      .Text(ToString(record.confirmed));
}

absl::StatusOr<Recorded> Stands(postgres::Connection& connection, const HistoryRecord& record) {
  auto stands =
      connection.Execute(StandsSql(connection), ParamsOf(record).Text(record.publication));
  if (!stands.ok()) return stands.status();
  return stands->Int64(0, 0) == 1 ? Recorded::kYes : Recorded::kNotHere;
}

// All values are texts: a replication connection has the simple protocol only.
std::string ReadSql(const std::string& slot) {
  return absl::StrCat(
      "SELECT slot::text, generation::text, system_id::text, timeline::text, confirmed::text, "
      "details::text FROM outbox_relay_state ORDER BY slot <> ",
      postgres::QuoteLiteral(slot), ", recorded_at DESC LIMIT 1");
}

absl::StatusOr<StateRow> RowFrom(const absl::StatusOr<postgres::Result>& rows,
                                 const std::string& slot) {
  if (!rows.ok()) {
    const std::string state = postgres::SqlState(rows.status());
    if (state != "42P01" && state != "42501") return rows.status();
    return absl::FailedPreconditionError(
        absl::StrCat(std::string(rows.status().message()),
                     ". Fix: run the `migrate` verb of the service that owns the database; it "
                     "makes outbox_relay_state and grants it to this role"));
  }
  StateRow row;
  if (rows->rows() == 0) return row;
  if (rows->Text(0, 0) != slot) {
    row.other_slot = std::string(rows->Text(0, 0));
    return row;
  }
  absl::StatusOr<HistoryRecord> record = DecodeRecord(rows->Text(0, 5));
  if (!record.ok()) {
    return absl::Status(
        record.status().code(),
        absl::StrCat("outbox_relay_state: ", std::string(record.status().message()),
                     ". Unless a newer relay wrote it: as the table's owner, DELETE FROM "
                     "outbox_relay_state WHERE slot = ",
                     postgres::QuoteLiteral(slot),
                     "; Kafka's copy counts then (it may be "
                     "somewhat older than the slot, so that accept-history is asked for)"));
  }
  // The columns are newer than the details.
  record->slot = slot;
  record->generation = std::strtoll(rows->Text(0, 1).data(), nullptr, 10);
  record->system_id = std::string(rows->Text(0, 2));
  record->timeline = static_cast<uint32_t>(std::strtoul(rows->Text(0, 3).data(), nullptr, 10));
  absl::StatusOr<Lsn> confirmed = ParseLsn(rows->Text(0, 4));
  if (!confirmed.ok()) return confirmed.status();
  record->confirmed = *confirmed;
  row.record = *std::move(record);
  return row;
}

}  // namespace

absl::StatusOr<StateRow> ReadStateRow(PGconn* replication, const std::string& slot) {
  postgres::Result rows(PQexec(replication, ReadSql(slot).c_str()));
  if (rows.ok()) return RowFrom(std::move(rows), slot);
  return RowFrom(
      postgres::ErrorFrom(replication, rows.raw(), "reading the relay's recorded position"), slot);
}

absl::StatusOr<StateRow> ReadStateRow(postgres::Connection& connection, const std::string& slot) {
  return RowFrom(connection.Execute(ReadSql(slot)), slot);
}

absl::StatusOr<bool> IsOfThisServer(postgres::Connection& connection, const HistoryRecord& record) {
  auto server =
      connection.Execute("SELECT " + OnThisServer(1),
                         postgres::Params().Text(record.system_id).Int64(record.timeline));
  if (!server.ok()) return server.status();
  return server->Bool(0, 0);
}

absl::StatusOr<Recorded> WriteStateRow(postgres::Connection& connection,
                                       const HistoryRecord& record) {
  auto written = connection.Execute(WriteSql(connection),
                                    ParamsOf(record).Text(record.publication).Text(Encode(record)));
  if (!written.ok()) return written.status();
  return written->affected() == 1 ? Recorded::kYes : Stands(connection, record);
}

absl::StatusOr<Recorded> WriteStatePosition(postgres::Connection& connection,
                                            const HistoryRecord& record) {
  auto written =
      connection.Execute(WritePositionSql(connection), ParamsOf(record).Text(record.publication));
  if (!written.ok()) return written.status();
  return written->affected() == 1 ? Recorded::kYes : Stands(connection, record);
}

absl::Status ReplaceStateRow(postgres::Connection& connection, const HistoryRecord& record) {
  auto written = connection.Execute(ReplaceSql(), ParamsOf(record).Text(Encode(record)));
  if (!written.ok()) return written.status();
  if (written->affected() == 1) return absl::OkStatus();
  return absl::AbortedError(
      "the record of the relay's position was changed by somebody else meanwhile, or the server is "
      "another one now; look again");
}

}  // namespace relay
