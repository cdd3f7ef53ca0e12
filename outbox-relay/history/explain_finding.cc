#include "outbox-relay/history/explain_finding.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace relay {

absl::Status ExplainFinding(const Verdict& verdict, std::string_view source_name) {
  const std::string source(source_name);
  std::vector<std::string> choices;
  switch (verdict.finding) {
    case Finding::kOtherSystem:
    case Finding::kOtherTimeline:
    case Finding::kOtherDatabase:
    case Finding::kLostWrites:
    case Finding::kRolledBack:
      choices.push_back(
          "if this is the wrong server, bring the right one back: the relay goes on "
          "by itself");
      break;
    default:
      break;
  }
  if (verdict.basis) {
    choices.push_back(
        "start the relay with --heal=table: it publishes from the outbox's rows what is not at "
        "Kafka, makes the slot anew and goes on");
  }
  const bool has_slot = verdict.finding != Finding::kSlotMissing &&
                        verdict.finding != Finding::kSlotLost &&
                        verdict.finding != Finding::kSlotForeign;
  if (!has_slot) {
    choices.push_back(absl::StrCat(
        "accept the gap: make the slot anew by hand (drop the old one, if it is there; ",
        verdict.create_slot_sql,
        "), then the relay names the next finding, which `outbox-relay accept-history` takes"));
  } else {
    choices.push_back(
        absl::StrCat("accept that events may be missing: outbox-relay accept-history "
                     "--source=",
                     source, "=… --finding=", verdict.id));
    if (!verdict.basis) {
      choices.push_back(absl::StrCat(
          "no recorded snapshot counts here, so no row can be proven published; if you know up to "
          "which `seq` the rows are at Kafka: outbox-relay accept-history --source=",
          source, "=… --finding=", verdict.id,
          " --published_up_to_seq=N, then the relay publishes the rows behind it"));
    }
  }
  std::string text = absl::StrCat(
      verdict.what, ". Going on could skip events in silence, so this source stops. Choices:");
  for (size_t i = 0; i < choices.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? " (" : "; (", i + 1, ") ", choices[i]);
  }
  return absl::DataLossError(text);
}

}  // namespace relay
