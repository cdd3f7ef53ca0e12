#include "outbox-relay/source/transaction_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbox-relay/source/pgoutput_testing.h"

namespace relay {
namespace {

using namespace pgoutput_testing;  // NOLINT: a vocabulary for this file
using ::testing::HasSubstr;
using Step = TransactionReader::Step;

constexpr uint32_t kText = 25;

std::string Outbox(uint32_t id, bool with_more = false) {
  std::vector<std::pair<std::string, uint32_t>> columns = {
      {"id", kText}, {"aggregateid", kText}, {"type", kText}, {"payload", kText}, {"topic", kText}};
  if (with_more) columns.insert(columns.begin(), {"note", kText});
  return RelationMessage(id, "public", "outbox", columns);
}

TEST(TransactionReaderTest, ReadsATransactionOfEvents) {
  TransactionReader reader;
  EXPECT_EQ(*reader.Read(BeginMessage(100, 0, 7)), Step::kBegin);
  EXPECT_EQ(reader.commit_lsn(), Lsn{100});
  EXPECT_EQ(*reader.Read(Outbox(1)), Step::kNothing);
  const std::string row = InsertMessage(1, Tuple({"e1", "k", "T", "body", "orders"}));
  EXPECT_EQ(*reader.Read(row), Step::kEvent);
  EXPECT_EQ(reader.event().id, "e1");
  EXPECT_EQ(reader.event().topic, "orders");
  EXPECT_TRUE(reader.in_transaction());
  EXPECT_EQ(*reader.Read(CommitMessage(100, 148, 0)), Step::kCommit);
  EXPECT_EQ(reader.end_lsn(), Lsn{148});
  EXPECT_FALSE(reader.in_transaction());
}

TEST(TransactionReaderTest, AnAlteredTableIsReadByItsNewColumns) {
  TransactionReader reader;
  ASSERT_TRUE(reader.Read(BeginMessage(100, 0, 7)).ok());
  ASSERT_TRUE(reader.Read(Outbox(1)).ok());
  const std::string before = InsertMessage(1, Tuple({"e1", "k", "T", "body", "orders"}));
  ASSERT_TRUE(reader.Read(before).ok());
  ASSERT_TRUE(reader.Read(Outbox(1, /*with_more=*/true)).ok());
  const std::string after = InsertMessage(1, Tuple({"n", "e2", "k", "T", "body", "orders"}));
  EXPECT_EQ(*reader.Read(after), Step::kEvent);
  EXPECT_EQ(reader.event().id, "e2");
  EXPECT_FALSE(reader.Read(before).ok());
}

TEST(TransactionReaderTest, OneBadTableIsOnlyAnErrorWhenItHasRows) {
  TransactionReader reader;
  ASSERT_TRUE(reader.Read(BeginMessage(100, 0, 7)).ok());
  EXPECT_TRUE(reader.Read(RelationMessage(2, "public", "other", {{"id", kText}})).ok());
  const auto row = reader.Read(InsertMessage(2, Tuple({"x"})));
  EXPECT_EQ(row.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(row.status().message()), HasSubstr("public.other"));
}

TEST(TransactionReaderTest, WhatIsNotForUsIsPassedOver) {
  TransactionReader reader;
  for (const char* message : {"T....", "U....", "D....", "O....", "Y....", "M...."}) {
    EXPECT_EQ(*reader.Read(message), Step::kNothing) << message;
  }
}

TEST(TransactionReaderTest, MessagesOutOfOrderAreErrors) {
  const std::string row = InsertMessage(1, Tuple({"e1", "k", "T", "body", "orders"}));
  TransactionReader outside;
  EXPECT_FALSE(outside.Read(row).ok());
  EXPECT_FALSE(outside.Read(CommitMessage(100, 148, 0)).ok());
  TransactionReader inside;
  ASSERT_TRUE(inside.Read(BeginMessage(100, 0, 7)).ok());
  EXPECT_FALSE(inside.Read(BeginMessage(100, 0, 7)).ok());
  EXPECT_FALSE(inside.Read(row).ok());  // no Relation came before it
  EXPECT_FALSE(inside.Read(CommitMessage(99, 148, 0)).ok());
  EXPECT_FALSE(inside.Read(CommitMessage(100, 100, 0)).ok());
}

}  // namespace
}  // namespace relay
