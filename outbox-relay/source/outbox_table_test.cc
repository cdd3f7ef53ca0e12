#include "outbox-relay/source/outbox_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbox-relay/source/pgoutput_testing.h"

namespace relay {
namespace {

using pgoutput_testing::Bytes;
using pgoutput_testing::RelationMessage;
using pgoutput_testing::Tuple;
using ::testing::HasSubstr;
using Columns = std::vector<std::pair<std::string, uint32_t>>;

constexpr uint32_t kBytea = 17, kInt8 = 20, kText = 25, kNumeric = 1700, kTimestamptz = 1184,
                   kUuid = 2950, kJsonb = 3802;
const char kId[] = "\x01\x92\xf0\xc1\x23\x45\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xab";
constexpr int64_t kCommitTime = 5;

OutboxTable Table(const Columns& columns) {
  return OutboxTable(std::get<pgoutput::Relation>(
      *pgoutput::Decode(RelationMessage(1, "public", "outbox", columns))));
}

const Columns kNeeded = {
    {"id", kUuid}, {"aggregateid", kText}, {"type", kText}, {"payload", kBytea}, {"topic", kText}};

TEST(OutboxTableTest, FindsColumnsByNameInAnyOrderAmongOthers) {
  OutboxTable table = Table({{"topic", kText},
                             {"seq", kInt8},
                             {"payload", kBytea},
                             {"id", kUuid},
                             {"aggregatetype", kText},
                             {"type", kText},
                             {"headers", kJsonb},
                             {"aggregateid", kText},
                             {"created_at", kTimestamptz},
                             {"traceparent", kText}});
  ASSERT_TRUE(table.usable().ok()) << table.usable();
  EXPECT_EQ(table.name(), "public.outbox");
  const std::string tuple =
      Tuple({"orders", Bytes().U64(4).str(), "body", kId, "Order", "t.v1.Made",
             "\x01{\"a\": \"b\"}", "o-1", Bytes().U64(1'000'000).str(), "00-1-2-01"});
  Event event;
  ASSERT_TRUE(table.Read(tuple, kCommitTime, event).ok());
  EXPECT_EQ(event.id, "0192f0c1-2345-7abc-8def-0123456789ab");
  EXPECT_EQ(event.aggregate_id, "o-1");
  EXPECT_EQ(event.type, "t.v1.Made");
  EXPECT_EQ(event.topic, "orders");
  EXPECT_EQ(event.payload, "body");
  EXPECT_EQ(event.traceparent, "00-1-2-01");
  EXPECT_EQ(event.headers_json, "{\"a\": \"b\"}");
  EXPECT_EQ(event.created_unix_microseconds, 946'684'801'000'000);
}

TEST(OutboxTableTest, OptionalColumnsMayBeMissingAndNullIsNotEmpty) {
  OutboxTable table = Table(kNeeded);
  ASSERT_TRUE(table.usable().ok()) << table.usable();
  Event event;
  ASSERT_TRUE(table.Read(Tuple({kId, "o-1", "T", "", "orders"}), kCommitTime, event).ok());
  EXPECT_EQ(event.payload, "");
  EXPECT_EQ(event.created_unix_microseconds, kCommitTime);
  const std::string nulls = Tuple({kId, std::nullopt, "T", std::nullopt, "orders"});
  ASSERT_TRUE(table.Read(nulls, kCommitTime, event).ok());
  EXPECT_EQ(event.payload, std::nullopt);
  EXPECT_EQ(event.aggregate_id, std::nullopt);
}

TEST(OutboxTableTest, KeysThatAreNoTextBecomeText) {
  Columns columns = kNeeded;
  columns[1].second = kInt8;
  OutboxTable numbers = Table(columns);
  Event event;
  const std::string minus_seven = Bytes().U64(static_cast<uint64_t>(-7)).str();
  ASSERT_TRUE(numbers.Read(Tuple({kId, minus_seven, "T", "", "t"}), kCommitTime, event).ok());
  EXPECT_EQ(event.aggregate_id, "-7");
  columns[1].second = kUuid;
  OutboxTable uuids = Table(columns);
  ASSERT_TRUE(uuids.Read(Tuple({kId, kId, "T", "", "t"}), kCommitTime, event).ok());
  EXPECT_EQ(event.aggregate_id, "0192f0c1-2345-7abc-8def-0123456789ab");
  EXPECT_EQ(event.id, event.aggregate_id);
}

TEST(OutboxTableTest, NamesEachMissingColumnAndTheFix) {
  OutboxTable table = Table({{"id", kUuid}, {"aggregateid", kNumeric}, {"type", kText}});
  EXPECT_EQ(table.usable().code(), absl::StatusCode::kFailedPrecondition);
  const std::string message(table.usable().message());
  EXPECT_THAT(message, HasSubstr("public.outbox"));
  EXPECT_THAT(message, HasSubstr("\"topic\""));
  EXPECT_THAT(message, HasSubstr("\"payload\""));
  EXPECT_THAT(message, HasSubstr("\"aggregateid\" of the type with OID 1700"));
  EXPECT_THAT(message, HasSubstr("Fix: ALTER TABLE"));
}

TEST(OutboxTableTest, MalformedRowsAreErrors) {
  OutboxTable table = Table(kNeeded);
  Event event;
  const std::string good = Tuple({kId, "o-1", "T", "body", "orders"});
  ASSERT_TRUE(table.Read(good, kCommitTime, event).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(table.Read(std::string_view(good).substr(0, size), kCommitTime, event).ok())
        << size;
  }
  // Too few columns, an id of 3 bytes, a bytea in text format.
  EXPECT_FALSE(table.Read(Tuple({kId, "o-1", "T", "body"}), kCommitTime, event).ok());
  EXPECT_FALSE(table.Read(Tuple({"abc", "o-1", "T", "body", "t"}), kCommitTime, event).ok());
  EXPECT_FALSE(table.Read(Tuple({kId, "o-1", "T", "\\x00", "t"}, 't'), kCommitTime, event).ok());
}

// The relay parks it.
TEST(OutboxTableTest, ARowWithoutTopicOrTypeIsRead) {
  OutboxTable table = Table(kNeeded);
  Event event;
  ASSERT_TRUE(table.Read(Tuple({kId, "o-1", "", "body", std::nullopt}), kCommitTime, event).ok());
  EXPECT_EQ(event.type, "");
  EXPECT_EQ(event.topic, "");
}

}  // namespace
}  // namespace relay
