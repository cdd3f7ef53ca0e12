#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "outbox-relay/verbs/status.h"

namespace relay {
namespace {

std::string SlotLine(const SlotReading& slot) {
  if (!slot.exists) {
    return absl::StrCat(slot.name, " does not exist: outbox-relay doctor says what to do");
  }
  std::string line = absl::StrCat(slot.name, ", log ", slot.wal_status);
  if (slot.wal_status == "lost") absl::StrAppend(&line, " (outbox-relay doctor says what to do)");
  absl::StrAppend(&line, ", confirmed ", ToString(slot.confirmed), ", keeps ",
                  HumanBytes(slot.retained_bytes));
  if (slot.safe_bytes.has_value()) {
    absl::StrAppend(&line, ", lost after ", HumanBytes(*slot.safe_bytes), " more");
  }
  return line;
}

std::string RelayLine(const SlotReading& slot) {
  if (!slot.active_pid.has_value()) return "none streams";
  std::string line = absl::StrCat("server process ", *slot.active_pid);
  if (!slot.application.empty()) absl::StrAppend(&line, ", ", slot.application);
  if (!slot.address.empty()) absl::StrAppend(&line, " from ", slot.address);
  if (!slot.since.empty()) absl::StrAppend(&line, " since ", slot.since);
  return line;
}

}  // namespace

std::string HumanBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string HumanSeconds(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return absl::StrFormat("%.1f s", seconds);
  if (whole < 3600) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  if (whole < 86400) return absl::StrCat(whole / 3600, " h ", whole % 3600 / 60, " min");
  return absl::StrCat(whole / 86400, " d ", whole % 86400 / 3600, " h");
}

std::string ToText(const SourceStatus& status) {
  if (!status.error.ok()) {
    return absl::StrCat(status.source, "\n  error   ", status.error.message(), "\n");
  }
  const OutboxLag& lag = status.lag;
  std::string text = absl::StrCat(status.source, "\n  lag     ");
  if (lag.events == 0) {
    absl::StrAppend(&text, "0 events");
  } else {
    absl::StrAppend(&text, lag.sampled ? "" : "at most ", lag.events,
                    " events, the oldest of them ",
                    HumanSeconds(static_cast<double>(lag.oldest_age_microseconds) / 1e6), " old");
  }
  absl::StrAppend(&text, ", ", HumanBytes(status.slot.behind_bytes), " of log\n  slot    ",
                  SlotLine(status.slot), "\n  relay   ", RelayLine(status.slot), "\n");
  if (status.parked_keys > 0) {
    absl::StrAppend(&text, "  parked  ", status.parked_keys,
                    " keys, whose events wait: outbox-relay parked list says why\n");
  }
  if (status.pause.has_value()) {
    absl::StrAppend(&text, "  paused  since ", status.pause->since, " by ", status.pause->by,
                    status.pause->reason.empty() ? "" : ": ", status.pause->reason, "\n");
  }
  return text;
}

std::string ToJson(const SourceStatus& status) {
  using nlohmann::json;
  json out = {{"source", status.source}};
  if (!status.error.ok()) {
    out["error"] = std::string(status.error.message());
  } else {
    const SlotReading& slot = status.slot;
    out["lag"] = {
        {"events", status.lag.events},
        {"at_most", !status.lag.sampled && status.lag.events > 0},
        {"oldest_age_seconds", static_cast<double>(status.lag.oldest_age_microseconds) / 1e6},
        {"bytes", slot.behind_bytes}};
    out["slot"] = {{"name", slot.name}, {"exists", slot.exists}};
    if (slot.exists) {
      out["slot"].update({{"plugin", slot.plugin},
                          {"wal_status", slot.wal_status},
                          {"confirmed_flush_lsn", ToString(slot.confirmed)},
                          {"retained_bytes", slot.retained_bytes},
                          {"safe_bytes", slot.safe_bytes ? json(*slot.safe_bytes) : json()}});
    }
    out["parked_keys"] = status.parked_keys;
    out["relay"] = nullptr;
    if (slot.active_pid.has_value()) {
      out["relay"] = {{"server_pid", *slot.active_pid},
                      {"application_name", slot.application},
                      {"client_address", slot.address},
                      {"since", slot.since}};
    }
    out["paused"] = nullptr;
    if (status.pause.has_value()) {
      out["paused"] = {{"by", status.pause->by},
                       {"reason", status.pause->reason},
                       {"since", status.pause->since}};
    }
  }
  // What is no UTF-8 (a server's message in another encoding) must not end the program.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace relay
