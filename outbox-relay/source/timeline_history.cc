#include "outbox-relay/source/timeline_history.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"

namespace relay {

absl::StatusOr<std::string> ReadTimelineHistory(PGconn* connection, uint32_t timeline) {
  const std::string command = absl::StrCat("TIMELINE_HISTORY ", timeline);
  postgres::Result row(PQexec(connection, command.c_str()));
  if (!row.ok() || row.rows() != 1) return postgres::ErrorFrom(connection, row.raw(), command);
  return std::string(row.Text(0, 1));
}

std::optional<Lsn> EndOfTimeline(std::string_view history_file, uint32_t timeline) {
  // A line for each ancestor: its number, where it ended, and why, with white space between them.
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(history_file.data(), history_file.size()), '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint32_t number = 0;
    if (words.size() < 2 || !absl::SimpleAtoi(words[0], &number) || number != timeline) continue;
    const absl::StatusOr<Lsn> end = ParseLsn(words[1]);
    if (end.ok()) return *end;
  }
  return std::nullopt;
}

}  // namespace relay
