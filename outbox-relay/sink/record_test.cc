#include "outbox-relay/sink/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace relay {

bool operator==(const Header& a, const Header& b) { return a.name == b.name && a.value == b.value; }
void PrintTo(const Header& header, std::ostream* out) {
  *out << header.name << ": " << header.value;
}

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

Event SomeEvent() {
  return {.id = "0192f0c1-2345-7abc-8def-0123456789ab",
          .aggregate_id = "o-1",
          .type = "order.v1.Made",
          .topic = "orders",
          .payload = "body",
          .created_unix_microseconds = 1'700'000'000'123'456};
}

TEST(RecordTest, HasTheHeadersOfTheContract) {
  RecordBuilder builder("order-service");
  const Record& record = builder.Build(SomeEvent());
  EXPECT_EQ(record.topic, "orders");
  EXPECT_EQ(record.key, "o-1");
  EXPECT_EQ(record.value, "body");
  EXPECT_THAT(
      record.headers,
      ElementsAre(Header{"id", "0192f0c1-2345-7abc-8def-0123456789ab"},
                  Header{"eventType", "order.v1.Made"}, Header{"ce_specversion", "1.0"},
                  Header{"ce_id", "0192f0c1-2345-7abc-8def-0123456789ab"},
                  Header{"ce_source", "/order-service"}, Header{"ce_type", "order.v1.Made"},
                  Header{"ce_time", "2023-11-14T22:13:20.123456Z"}, Header{"ce_subject", "o-1"},
                  Header{"content-type", "application/protobuf"}));
}

TEST(RecordTest, AddsTraceparentAndTheRowsOwnHeaders) {
  RecordBuilder builder("s");
  Event event = SomeEvent();
  event.traceparent = "00-aa-bb-01";
  event.headers_json = R"({"content-type": "application/json", "tenant": "a\"b\u00e9", "n": 7})";
  const Record& record = builder.Build(event);
  EXPECT_THAT(record.headers, IsSupersetOf({Header{"traceparent", "00-aa-bb-01"},
                                            Header{"content-type", "application/json"},
                                            Header{"tenant", "a\"b\xc3\xa9"}, Header{"n", "7"}}));
  EXPECT_THAT(record.headers, Not(Contains(Header{"content-type", "application/protobuf"})));
}

TEST(RecordTest, OwnHeadersDoNotSpeakForTheRelay) {
  RecordBuilder builder("s");
  Event event = SomeEvent();
  event.headers_json = R"({"id": "x", "ce_id": "x", "eventType": "x", "traceparent": "00-1-2-00"})";
  EXPECT_THAT(builder.Build(event).headers, Contains(Header{"traceparent", "00-1-2-00"}));
  EXPECT_EQ(builder.Build(event).headers.size(), 10u);
}

TEST(RecordTest, NullsStayNullAndNothingIsLeftOverFromTheEventBefore) {
  RecordBuilder builder("s");
  Event full = SomeEvent();
  full.traceparent = "00-aa-bb-01";
  full.headers_json = R"({"a": "b"})";
  builder.Build(full);
  Event bare = SomeEvent();
  bare.aggregate_id = std::nullopt;
  bare.payload = std::nullopt;
  const Record& record = builder.Build(bare);
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(record.value, std::nullopt);
  EXPECT_EQ(record.headers.size(), 8u);
  Event empty = SomeEvent();
  empty.payload = "";
  EXPECT_EQ(builder.Build(empty).value, "");
}

TEST(RecordTest, TimesBeforeAndBeyondTheCalendar) {
  std::array<char, 32> out;
  EXPECT_EQ(FormatTime(0, out), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTime(-1, out), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTime(1'709'251'199'000'001, out), "2024-02-29T23:59:59.000001Z");
  EXPECT_EQ(FormatTime(std::numeric_limits<int64_t>::max(), out), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTime(std::numeric_limits<int64_t>::min(), out), "0001-01-01T00:00:00.000000Z");
}

std::vector<Header> Parse(std::string_view json, bool expected = true) {
  static std::string scratch;
  std::vector<Header> headers;
  EXPECT_EQ(AppendJsonHeaders(json, scratch, headers), expected) << json;
  return headers;
}

TEST(JsonHeadersTest, ReadsWhatPostgresPrints) {
  EXPECT_THAT(Parse("{}"), IsEmpty());
  EXPECT_THAT(Parse(R"({"a": "b", "c": ""})"), ElementsAre(Header{"a", "b"}, Header{"c", ""}));
  EXPECT_THAT(Parse(R"( { "a":"b" } )"), ElementsAre(Header{"a", "b"}));
  EXPECT_THAT(Parse(R"({"a": "\\ \" \/ \b\f\n\r\t \u0001"})"),
              ElementsAre(Header{"a", "\\ \" / \b\f\n\r\t \x01"}));
  EXPECT_THAT(Parse(R"({"a": "\u20ac\ud83d\ude00"})"),
              ElementsAre(Header{"a", "\xe2\x82\xac\xf0\x9f\x98\x80"}));
  EXPECT_THAT(Parse(R"({"n": -1.5e3, "t": true, "z": null, "o": {"x": [1, "}"]}, "l": []})"),
              ElementsAre(Header{"n", "-1.5e3"}, Header{"t", "true"},
                          Header{"o", R"({"x": [1, "}"]})"}, Header{"l", "[]"}));
}

TEST(JsonHeadersTest, AnythingElseIsRefusedAndNeverCrashes) {
  for (const char* json : {"", "[]", "1", "\"a\"", "null", "{", R"({"a")", R"({"a":)", R"({"a":})",
                           R"({"a":"b)", R"({"a":"b\)", R"({"a":"b"} x)", R"({a:1})",
                           R"({"a":"\u12"})", R"({"a":"\ud800\u0041"})", R"({"a":[})"}) {
    Parse(json, false);
  }
  std::mt19937 random(7);
  const std::string alphabet = "{}[]\":,\\u0d8 an1";
  std::string scratch;
  for (int round = 0; round < 200'000; ++round) {
    std::string json = "{";
    for (size_t i = random() % 24; i > 0; --i) json += alphabet[random() % alphabet.size()];
    std::vector<Header> headers;
    AppendJsonHeaders(json, scratch, headers);
    for (const Header& header : headers) {
      EXPECT_LE(header.name.size() + header.value.size(), json.size());
    }
  }
}

}  // namespace
}  // namespace relay
