#include "outbox-relay/verbs/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay {
namespace {

using ::testing::HasSubstr;

SourceStatus Behind() {
  SourceStatus status{.source = "order-service"};
  status.slot = {.name = "outbox_order_service",
                 .exists = true,
                 .type = "logical",
                 .plugin = "pgoutput",
                 .database = "order_service",
                 .wal_status = "extended",
                 .confirmed = Lsn{0x1600000010},
                 .behind_bytes = 3 << 20,
                 .retained_bytes = 5 << 20,
                 .safe_bytes = 1 << 30,
                 .active_pid = 4711,
                 .application = "outbox-relay",
                 .address = "10.0.0.7",
                 .since = "2026-01-02 03:04:05+00"};
  status.lag = {.events = 12, .oldest_age_microseconds = 125'000'000, .sampled = true};
  return status;
}

TEST(StatusTest, SaysAllOnFewLines) {
  SourceStatus status = Behind();
  status.parked_keys = 3;
  status.pause = PauseRow{.by = "ada", .reason = "lunch", .since = "2026-01-02 03:04:06+00"};
  EXPECT_EQ(ToText(status),
            "order-service\n"
            "  lag     12 events, the oldest of them 2 min 5 s old, 3.0 MiB of log\n"
            "  slot    outbox_order_service, log extended, confirmed 16/10, keeps 5.0 MiB, lost "
            "after 1.0 GiB more\n"
            "  relay   server process 4711, outbox-relay from 10.0.0.7 since 2026-01-02 "
            "03:04:05+00\n"
            "  parked  3 keys, whose events wait: outbox-relay parked list says why\n"
            "  paused  since 2026-01-02 03:04:06+00 by ada: lunch\n");
}

TEST(StatusTest, AnEstimateSaysSo) {
  SourceStatus status = Behind();
  status.lag.sampled = false;
  status.slot.active_pid.reset();
  EXPECT_THAT(ToText(status), HasSubstr("at most 12 events"));
  EXPECT_THAT(ToText(status), HasSubstr("none streams"));
  EXPECT_THAT(ToJson(status), HasSubstr("\"at_most\":true"));
  EXPECT_THAT(ToJson(status), HasSubstr("\"relay\":null"));
}

TEST(StatusTest, AnErrorIsAllThatIsKnown) {
  SourceStatus status{.source = "a", .error = absl::UnavailableError("gone \xff")};
  EXPECT_EQ(ToText(status), "a\n  error   gone \xff\n");
  EXPECT_EQ(ToJson(status), "{\"error\":\"gone \xef\xbf\xbd\",\"source\":\"a\"}");
}

TEST(StatusTest, NumbersForPeople) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(int64_t{3} << 50), "3072.0 TiB");
  EXPECT_EQ(HumanSeconds(0.25), "0.2 s");
  EXPECT_EQ(HumanSeconds(7'500), "2 h 5 min");
  EXPECT_EQ(HumanSeconds(90'000), "1 d 1 h");
}

}  // namespace
}  // namespace relay
