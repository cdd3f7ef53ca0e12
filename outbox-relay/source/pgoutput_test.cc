#include "outbox-relay/source/pgoutput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "outbox-relay/source/pgoutput_testing.h"
#include "outbox-relay/source/stream_frame.h"

namespace relay::pgoutput {
namespace {

using namespace pgoutput_testing;  // NOLINT: a vocabulary for this file
using ::testing::ElementsAre;

// 2000-01-01 00:00:01 UTC.
constexpr uint64_t kOneSecond = 1'000'000;
constexpr int64_t kOneSecondUnix = 946'684'801'000'000;

TEST(PgoutputTest, BeginCarriesTheCommitsPlaceAndTime) {
  auto message = Decode(BeginMessage(0x1600000012, kOneSecond, 777));
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& begin = std::get<Begin>(*message);
  EXPECT_EQ(ToString(begin.commit_lsn), "16/12");
  EXPECT_EQ(begin.commit_unix_microseconds, kOneSecondUnix);
  EXPECT_EQ(begin.xid, 777u);
}

TEST(PgoutputTest, CommitCarriesBothItsEnds) {
  auto message = Decode(CommitMessage(100, 148, kOneSecond));
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& commit = std::get<Commit>(*message);
  EXPECT_EQ(commit.commit_lsn, Lsn{100});
  EXPECT_EQ(commit.end_lsn, Lsn{148});
  EXPECT_EQ(commit.commit_unix_microseconds, kOneSecondUnix);
}

TEST(PgoutputTest, RelationListsColumns) {
  auto message = Decode(RelationMessage(5, "public", "outbox", {{"id", 2950}, {"payload", 17}}));
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& relation = std::get<Relation>(*message);
  EXPECT_EQ(relation.id, 5u);
  EXPECT_EQ(relation.schema, "public");
  EXPECT_EQ(relation.table, "outbox");
  ASSERT_EQ(relation.columns.size(), 2u);
  EXPECT_EQ(relation.columns[1].name, "payload");
  EXPECT_EQ(relation.columns[1].type, 17u);
}

TEST(PgoutputTest, InsertHandsOutItsValues) {
  const std::string bytes = InsertMessage(9, Tuple({"ab", std::nullopt, ""}));
  auto message = Decode(bytes);
  ASSERT_TRUE(message.ok()) << message.status();
  const auto& insert = std::get<Insert>(*message);
  EXPECT_EQ(insert.relation_id, 9u);
  TupleReader reader(insert.tuple);
  EXPECT_EQ(reader.columns(), 3);
  EXPECT_EQ(reader.Next().bytes, "ab");
  EXPECT_EQ(reader.Next().kind, Value::Kind::kNull);
  const Value empty = reader.Next();
  EXPECT_EQ(empty.kind, Value::Kind::kBinary);
  EXPECT_EQ(empty.bytes, "");
  EXPECT_TRUE(reader.status().ok());
}

TEST(PgoutputTest, WhatTheRelayDoesNotActOn) {
  EXPECT_EQ(std::get<Unexpected>(*Decode("U....")).what, "UPDATE");
  EXPECT_EQ(std::get<Unexpected>(*Decode("D....")).what, "DELETE");
  EXPECT_EQ(std::get<Unexpected>(*Decode("T....")).what, "TRUNCATE");
  for (const char* message : {"O....", "Y....", "M...."}) {
    EXPECT_TRUE(std::holds_alternative<Ignored>(*Decode(message))) << message;
  }
}

TEST(PgoutputTest, RefusesMessagesOfOtherProtocols) {
  EXPECT_FALSE(Decode("").ok());
  for (const char* message : {"S....", "E", "c....", "A....", "?", "\xff"}) {
    EXPECT_EQ(Decode(message).status().code(), absl::StatusCode::kInvalidArgument) << message;
  }
  // An insert with an old tuple is none.
  EXPECT_FALSE(Decode(Bytes().Char('I').U32(1).Char('O').Raw(Tuple({"a"})).str()).ok());
}

// Reads all there is to read in a message; answers whether every part of it was fine.
bool ReadsWell(std::string_view bytes) {
  auto message = Decode(bytes);
  if (!message.ok()) return false;
  if (const auto* insert = std::get_if<Insert>(&*message)) {
    TupleReader reader(insert->tuple);
    for (int i = 0; i < reader.columns(); ++i) reader.Next();
    return reader.status().ok();
  }
  return true;
}

TEST(PgoutputTest, EveryTruncationIsAnErrorAndNeverACrash) {
  const std::string messages[] = {
      BeginMessage(1, 2, 3), CommitMessage(1, 2, 3),
      RelationMessage(5, "public", "outbox", {{"id", 2950}, {"payload", 17}}),
      InsertMessage(9, Tuple({"some bytes", std::nullopt, "", "more"}))};
  for (const std::string& message : messages) {
    EXPECT_TRUE(ReadsWell(message));
    for (size_t size = 0; size < message.size(); ++size) {
      // A copy of just that size, so that a sanitizer sees a read beyond it.
      const std::vector<char> cut(message.begin(), message.begin() + static_cast<long>(size));
      EXPECT_FALSE(ReadsWell({cut.data(), cut.size()})) << message[0] << " cut to " << size;
    }
  }
}

TEST(PgoutputTest, LengthsBeyondTheMessageAreErrors) {
  EXPECT_FALSE(
      ReadsWell(InsertMessage(1, Bytes().U16(1).Char('b').U32(0xFFFFFFFF).Raw("x").str())));
  EXPECT_FALSE(ReadsWell(InsertMessage(1, Bytes().U16(1).Char('b').U32(2).Raw("x").str())));
  EXPECT_FALSE(ReadsWell(InsertMessage(1, Bytes().U16(0xFFFF).Char('n').str())));
  EXPECT_FALSE(ReadsWell(InsertMessage(1, Bytes().U16(1).Char('z').str())));
  EXPECT_FALSE(
      ReadsWell(Bytes().Char('R').U32(1).CString("s").CString("t").Char('d').U16(9).str()));
}

TEST(PgoutputTest, RandomBytesNeverCrash) {
  std::mt19937 random(20240229);
  const std::string kinds = "BCRIUDTOYMk";
  for (int round = 0; round < 200'000; ++round) {
    std::vector<char> bytes(random() % 64);
    for (char& byte : bytes) byte = static_cast<char>(random() % 8 == 0 ? random() : random() % 4);
    if (!bytes.empty()) bytes[0] = kinds[random() % kinds.size()];
    ReadsWell({bytes.data(), bytes.size()});
    if (!bytes.empty()) bytes[0] = random() % 2 == 0 ? 'w' : 'k';
    (void)DecodeFrame({bytes.data(), bytes.size()});
  }
}

TEST(StreamFrameTest, DataAndKeepalive) {
  const std::string data = Bytes().Char('w').U64(1).U64(2).U64(3).Raw("payload").str();
  EXPECT_EQ(std::get<WalData>(*DecodeFrame(data)).data, "payload");
  const std::string keepalive = Bytes().Char('k').U64(0x1600000012).U64(3).Char(1).str();
  EXPECT_EQ(std::get<Keepalive>(*DecodeFrame(keepalive)).wal_end, Lsn{0x1600000012});
  EXPECT_TRUE(std::get<Keepalive>(*DecodeFrame(keepalive)).wants_reply);
  for (size_t size = 0; size < keepalive.size(); ++size) {
    EXPECT_FALSE(DecodeFrame(keepalive.substr(0, size)).ok());
  }
  EXPECT_FALSE(DecodeFrame(data.substr(0, 24)).ok());
  EXPECT_TRUE(DecodeFrame(data.substr(0, 25)).ok());
}

TEST(StreamFrameTest, StatusUpdateSaysTheSameThreeTimes) {
  const StatusUpdate update = EncodeStatusUpdate(Lsn{0x1600000012}, kOneSecondUnix);
  EXPECT_EQ(std::string(update.data(), update.size()), Bytes()
                                                           .Char('r')
                                                           .U64(0x1600000012)
                                                           .U64(0x1600000012)
                                                           .U64(0x1600000012)
                                                           .U64(kOneSecond)
                                                           .Char(0)
                                                           .str());
}

TEST(LsnTest, TextRoundTrips) {
  for (const char* text : {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"}) {
    auto lsn = ParseLsn(text);
    ASSERT_TRUE(lsn.ok()) << text;
    EXPECT_EQ(ToString(*lsn), text);
  }
  for (const char* text : {"", "0", "/", "1/", "/1", "1/123456789", "x/1", "1/1/1", "-1/1"}) {
    EXPECT_FALSE(ParseLsn(text).ok()) << text;
  }
}

}  // namespace
}  // namespace relay::pgoutput
