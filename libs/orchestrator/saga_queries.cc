#include "libs/orchestrator/saga_queries.h"

#include "absl/strings/str_cat.h"

namespace orchestrator {
namespace {

absl::StatusOr<std::vector<SagaRow>> ReadRows(const absl::StatusOr<postgres::Result>& rows) {
  if (!rows.ok()) return rows.status();
  std::vector<SagaRow> sagas;
  for (int i = 0; i < rows->rows(); ++i) {
    auto row = ReadRow(*rows, i);
    if (!row.ok()) return row.status();
    sagas.push_back(*std::move(row));
  }
  return sagas;
}

}  // namespace

absl::StatusOr<std::optional<SagaRow>> FindSaga(postgres::Connection& connection,
                                                const uuid::Uuid& tx_id) {
  auto rows = ReadRows(
      connection.Execute(absl::StrCat("SELECT ", kSagaColumns, " FROM sagas WHERE tx_id = $1"),
                         postgres::Params().Id(tx_id)));
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

absl::StatusOr<SagaPage> ListSagas(postgres::Connection& connection,
                                   std::optional<saga::State> state, const uuid::Uuid& before,
                                   int64_t limit) {
  // One more than asked for tells whether there is a next page.
  postgres::Params params;
  params.Id(before).Int64(limit + 1);
  std::string in_state;
  if (state.has_value()) {
    params.Int64(static_cast<int64_t>(*state));
    in_state = " AND state = $3";
  }
  auto rows = ReadRows(
      connection.Execute(absl::StrCat("SELECT ", kSagaColumns, " FROM sagas WHERE tx_id < $1",
                                      in_state, " ORDER BY tx_id DESC LIMIT $2"),
                         params));
  if (!rows.ok()) return rows.status();
  SagaPage page{*std::move(rows), false};
  if (static_cast<int64_t>(page.sagas.size()) > limit) {
    page.sagas.pop_back();
    page.more = true;
  }
  return page;
}

absl::StatusOr<std::vector<LogEntry>> ReadLog(postgres::Connection& connection,
                                              const uuid::Uuid& tx_id, int64_t limit) {
  auto rows = connection.Execute(
      "SELECT kind, at, step, command, command_id, attempt, approved, outcome, message "
      "FROM saga_log WHERE tx_id = $1 ORDER BY n LIMIT $2",
      postgres::Params().Id(tx_id).Int64(limit));
  if (!rows.ok()) return rows.status();
  std::vector<LogEntry> entries;
  for (int i = 0; i < rows->rows(); ++i) {
    LogEntry& entry = entries.emplace_back();
    entry.kind = static_cast<LogKind>(rows->Int64(i, 0));
    entry.unix_microseconds = rows->UnixMicroseconds(i, 1);
    entry.step = std::string(rows->Text(i, 2));
    entry.command = std::string(rows->Text(i, 3));
    entry.command_id = rows->Id(i, 4);
    entry.attempt = rows->Int64(i, 5);
    if (!rows->IsNull(i, 6)) entry.approved = rows->Bool(i, 6);
    entry.outcome = std::string(rows->Text(i, 7));
    entry.message = std::string(rows->Text(i, 8));
  }
  return entries;
}

}  // namespace orchestrator
