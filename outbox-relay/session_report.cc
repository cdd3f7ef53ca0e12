#include "outbox-relay/session_report.h"

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kSayAgain(60);

// Postgres says what it cannot do, and not what to do about it.
std::string WithFix(const absl::Status& why) {
  const std::string state = postgres::SqlState(why);
  if (state != "25006" && state != "53100") return std::string(why.message());  // read-only, full
  return absl::StrCat(why.message(), ". Fix: ", std::string(postgres::FixFor(why)));
}

}  // namespace

absl::Status SessionReport::Say(const SessionEnd& ended) {
  using Kind = SessionEnd::Kind;
  const std::string text = WithFix(ended.why);
  const bool waits = ended.kind == Kind::kStandby || ended.kind == Kind::kPaused;
  const absl::Status health = waits ? absl::OkStatus() : absl::Status(ended.why.code(), text);
  const auto now = std::chrono::steady_clock::now();
  if (text == said_ && now - said_at_ < kSayAgain) return health;
  said_ = text;
  said_at_ = now;
  if (ended.kind == Kind::kPaused) return health;
  if (ended.kind == Kind::kStandby) {
    telemetry::Info("waiting as standby", {{"source", source_name_}, {"reason", text}});
    return health;
  }
  telemetry::Log(
      absl::IsUnavailable(ended.why) ? telemetry::Level::kWarn : telemetry::Level::kError,
      "not streaming; trying again", {{"source", source_name_}, {"error", text}});
  return health;
}

}  // namespace relay
