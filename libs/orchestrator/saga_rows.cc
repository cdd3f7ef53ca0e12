#include "libs/orchestrator/saga_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/orchestrator/saga_json.h"

namespace orchestrator {

const char kSagaColumns[] =
    "tx_id, type, table_version, state, step, commands::text, refusal::text, parked::text, "
    "version, data, traceparent, created_at, updated_at, tracestate";

absl::StatusOr<SagaRow> ReadRow(const postgres::Result& rows, int row) {
  SagaRow out;
  out.tx_id = rows.Id(row, 0);
  saga::Saga& saga = out.saga;
  saga.tx_id = uuid::ToString(out.tx_id);
  saga.type = std::string(rows.Text(row, 1));
  saga.table_version = static_cast<int>(rows.Int64(row, 2));
  saga.state = static_cast<saga::State>(rows.Int64(row, 3));
  saga.step = std::string(rows.Text(row, 4));
  if (absl::Status read = FromJson(rows.Text(row, 5), saga.commands); !read.ok()) return read;
  for (auto [column, field] : {std::pair{6, &saga.refusal}, {7, &saga.parked}}) {
    if (rows.IsNull(row, column)) continue;
    absl::Status read = FromJson(rows.Text(row, column), field->emplace());
    if (!read.ok()) return read;
  }
  saga.version = rows.Int64(row, 8);
  out.data = std::string(rows.Text(row, 9));
  if (!rows.IsNull(row, 10)) out.traceparent = std::string(rows.Text(row, 10));
  out.created_unix_microseconds = rows.UnixMicroseconds(row, 11);
  out.updated_unix_microseconds = rows.UnixMicroseconds(row, 12);
  out.tracestate = rows.TextOrEmpty(row, 13);
  return out;
}

absl::StatusOr<std::map<uuid::Uuid, SagaRow>> LockSagas(postgres::Transaction& transaction,
                                                        std::vector<uuid::Uuid> tx_ids) {
  auto rows = transaction.Execute(absl::StrCat("SELECT ", kSagaColumns,
                                               " FROM sagas WHERE tx_id = ANY ($1::uuid[]) "
                                               "ORDER BY tx_id FOR UPDATE"),
                                  postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  std::map<uuid::Uuid, SagaRow> sagas;
  for (int i = 0; i < rows->rows(); ++i) {
    auto row = ReadRow(*rows, i);
    if (!row.ok()) return row.status();
    sagas.emplace(row->tx_id, *std::move(row));
  }
  return sagas;
}

namespace {

// The columns of many rows, as `unnest` takes them.
struct Columns {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<std::string> types, steps, commands;
  std::vector<int64_t> table_versions, states, versions;
  std::vector<std::optional<std::string>> refusals, parked, data, traceparents, tracestates;

  explicit Columns(absl::Span<const SagaRow* const> rows) {
    for (const SagaRow* row : rows) {
      const saga::Saga& saga = row->saga;
      tx_ids.push_back(row->tx_id);
      types.push_back(saga.type);
      table_versions.push_back(saga.table_version);
      states.push_back(static_cast<int64_t>(saga.state));
      steps.push_back(saga.step);
      commands.push_back(ToJson(saga.commands));
      refusals.push_back(ToJson(saga.refusal));
      parked.push_back(ToJson(saga.parked));
      versions.push_back(saga.version);
      data.emplace_back(row->data);
      traceparents.push_back(row->traceparent);
      tracestates.push_back(row->tracestate.empty() ? std::nullopt
                                                    : std::optional(row->tracestate));
    }
  }
};

}  // namespace

absl::Status InsertSagas(postgres::Transaction& transaction,
                         absl::Span<const SagaRow* const> rows) {
  const Columns c(rows);
  return transaction
      .Execute(
          R"sql(
            INSERT INTO sagas (tx_id, type, table_version, state, step, commands, refusal, parked,
                               version, data, traceparent, tracestate)
            SELECT tx_id, type, table_version, state, step, commands::jsonb, refusal::jsonb,
                   parked::jsonb, version, data, traceparent, tracestate
              FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[],
                          $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bytea[],
                          $11::text[], $12::text[])
                AS s (tx_id, type, table_version, state, step, commands, refusal, parked, version,
                      data, traceparent, tracestate)
          )sql",
          postgres::Params()
              .Ids(c.tx_ids)
              .Texts(c.types)
              .Int64s(c.table_versions)
              .Int64s(c.states)
              .Texts(c.steps)
              .Texts(c.commands)
              .NullableTexts(c.refusals)
              .NullableTexts(c.parked)
              .Int64s(c.versions)
              .NullableBytes(c.data)
              .NullableTexts(c.traceparents)
              .NullableTexts(c.tracestates))
      .status();
}

absl::Status UpdateSagas(postgres::Transaction& transaction,
                         absl::Span<const SagaRow* const> rows) {
  if (rows.empty()) return absl::OkStatus();
  const Columns c(rows);
  auto updated = transaction.Execute(
      R"sql(
        UPDATE sagas
           SET state = s.state, step = s.step, commands = s.commands::jsonb,
               refusal = s.refusal::jsonb, parked = s.parked::jsonb, version = s.version,
               data = s.data, updated_at = clock_timestamp()
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::bigint[], $8::bytea[])
            AS s (tx_id, state, step, commands, refusal, parked, version, data)
         WHERE sagas.tx_id = s.tx_id
      )sql",
      postgres::Params()
          .Ids(c.tx_ids)
          .Int64s(c.states)
          .Texts(c.steps)
          .Texts(c.commands)
          .NullableTexts(c.refusals)
          .NullableTexts(c.parked)
          .Int64s(c.versions)
          .NullableBytes(c.data));
  if (!updated.ok()) return updated.status();
  if (updated->affected() != static_cast<int64_t>(rows.size())) {
    return absl::InternalError("a locked saga's row is gone");
  }
  return absl::OkStatus();
}

}  // namespace orchestrator
