#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>

#include "libs/group_commit/door.h"
#include "libs/outbox/migrations.h"
#include "libs/service/errors.h"
#include "libs/testing/test_database.h"

namespace group_commit {
namespace {

class Write : public Call {
 public:
  using Expires = std::function<bool()>;
  Write(int64_t n, std::promise<absl::Status>* end, bool expired = false)
      : Write(n, end, [expired] { return expired; }) {}
  Write(int64_t n, std::promise<absl::Status>* end, Expires expires)
      : n(n), end_(end), expires_(std::move(expires)) {}
  bool Expired() const override { return expires_(); }
  void Finish(const absl::Status& status) override { end_->set_value(status); }

  const int64_t n;

 private:
  std::promise<absl::Status>* end_;
  const Expires expires_;
};

class DoorTest : public testing::Test {
 protected:
  DoorTest() {
    auto owner = database_.Connect();
    EXPECT_TRUE(owner
                    .ExecuteScript("CREATE TABLE numbers (n int8 CHECK (n <> 13), tx xid8 DEFAULT "
                                   "pg_current_xact_id());"
                                   "GRANT ALL ON numbers TO test_service")
                    .ok());
  }

  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<Call* const> calls) {
    if (hold_ != nullptr) hold_->wait();
    std::vector<int64_t> numbers;
    for (Call* call : calls) numbers.push_back(static_cast<Write*>(call)->n);
    return work.transaction()
        .Execute("INSERT INTO numbers SELECT unnest($1::int8[])",
                 postgres::Params().Int64s(numbers))
        .status();
  }

  Door MakeDoor(DoorOptions options) {
    return Door(
        "test", options, pool_, [this](auto& work, auto calls) { return Handle(work, calls); },
        registry_);
  }

  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 4};
  prometheus::Registry registry_;
  std::latch* hold_ = nullptr;
};

TEST_F(DoorTest, CallsThatWaitTogetherCommitTogether) {
  std::promise<absl::Status> ends[5];
  Door door = MakeDoor({.workers = 1});
  for (int i = 0; i < 5; ++i) door.Submit(std::make_unique<Write>(i, &ends[i]));
  ASSERT_TRUE(door.Start({}).ok());
  for (auto& end : ends) EXPECT_TRUE(end.get_future().get().ok());
  EXPECT_EQ(database_.Count("SELECT count(*) FROM numbers"), 5);
  EXPECT_EQ(database_.Count("SELECT count(DISTINCT tx::text) FROM numbers"), 1);
}

TEST_F(DoorTest, OneBadCallHurtsOnlyItself) {
  std::promise<absl::Status> ends[3];
  Door door = MakeDoor({.workers = 1});
  for (int i = 0; i < 3; ++i) door.Submit(std::make_unique<Write>(12 + i, &ends[i]));
  ASSERT_TRUE(door.Start({}).ok());
  EXPECT_TRUE(ends[0].get_future().get().ok());
  EXPECT_EQ(ends[1].get_future().get().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(ends[2].get_future().get().ok());
  EXPECT_EQ(database_.Count("SELECT count(*) FROM numbers"), 2);
}

TEST_F(DoorTest, RefusesWhatItCannotHold) {
  std::promise<absl::Status> ends[2];
  Door door = MakeDoor({.workers = 1, .max_waiting = 1});
  door.Submit(std::make_unique<Write>(1, &ends[0]));
  door.Submit(std::make_unique<Write>(2, &ends[1]));
  const absl::Status refused = ends[1].get_future().get();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(service::ReasonOf(refused), "TOO_MANY_CALLS");
  ASSERT_TRUE(door.Start({}).ok());
  EXPECT_TRUE(ends[0].get_future().get().ok());
}

TEST_F(DoorTest, DropsTheExpiredBeforeTheyJoin) {
  std::promise<absl::Status> end;
  Door door = MakeDoor({});
  door.Submit(std::make_unique<Write>(1, &end, /*expired=*/true));
  ASSERT_TRUE(door.Start({}).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(end.get_future().get()));
  EXPECT_EQ(database_.Count("SELECT count(*) FROM numbers"), 0);
}

TEST_F(DoorTest, DrainsWhatItHasTakenAndRefusesTheRest) {
  std::latch hold(1);
  hold_ = &hold;
  std::promise<absl::Status> taken, late;
  Door door = MakeDoor({.workers = 1});
  ASSERT_TRUE(door.Start({}).ok());
  door.Submit(std::make_unique<Write>(1, &taken));
  door.BeginDrain();  // still takes what its callers bring
  EXPECT_TRUE(absl::IsDeadlineExceeded(door.AwaitDrained(std::chrono::steady_clock::now())));
  door.Submit(std::make_unique<Write>(2, &late));
  EXPECT_EQ(service::ReasonOf(late.get_future().get()), "STOPPING");
  hold.count_down();
  EXPECT_TRUE(door.AwaitDrained(std::chrono::steady_clock::now() + std::chrono::seconds(30)).ok());
  EXPECT_TRUE(taken.get_future().get().ok());
}

// The second question means that the group has found no connection.
TEST_F(DoorTest, WaitsForAConnectionAsLongAsSomebodyWaits) {
  postgres::Pool one(database_.service(), "test", 1);
  auto lease = std::make_unique<postgres::Pool::Lease>(*one.Acquire(absl::Seconds(5)));
  std::latch busy(1);
  std::promise<absl::Status> end;
  Door door(
      "test", {.workers = 1, .patience = std::chrono::milliseconds(1)}, one,
      [this](auto& work, auto calls) { return Handle(work, calls); }, registry_);
  ASSERT_TRUE(door.Start({}).ok());
  int asked = 0;
  door.Submit(std::make_unique<Write>(1, &end, [&] {
    if (++asked == 2) busy.count_down();
    return false;
  }));
  busy.wait();
  lease.reset();
  const absl::Status done = end.get_future().get();
  EXPECT_TRUE(done.ok()) << done;
}

TEST_F(DoorTest, WaitsForAConnectionNoLonger) {
  postgres::Pool one(database_.service(), "test", 1);
  auto lease = one.Acquire(absl::Seconds(5));
  std::promise<absl::Status> end;
  Door door(
      "test", {.workers = 1, .patience = std::chrono::milliseconds(1)}, one,
      [this](auto& work, auto calls) { return Handle(work, calls); }, registry_);
  ASSERT_TRUE(door.Start({}).ok());
  int asked = 0;
  door.Submit(std::make_unique<Write>(1, &end, [&] { return ++asked > 2; }));
  const absl::Status done = end.get_future().get();
  EXPECT_TRUE(absl::IsResourceExhausted(done)) << done;
  EXPECT_EQ(service::ReasonOf(done), "DATABASE_BUSY");
}

TEST_F(DoorTest, AFullDiskIsNoFaultOfTheCallsAndTheyMayComeAgain) {
  auto owner = database_.Connect();
  ASSERT_TRUE(owner
                  .ExecuteScript(
                      "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
                      "CREATE TRIGGER no_room BEFORE INSERT ON numbers EXECUTE FUNCTION no_room()")
                  .ok());
  std::promise<absl::Status> end;
  Door door = MakeDoor({.workers = 1});
  ASSERT_TRUE(door.Start({}).ok());
  door.Submit(std::make_unique<Write>(1, &end));
  const absl::Status status = end.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(service::ReasonOf(status), "DATABASE_EXHAUSTED");
}

TEST_F(DoorTest, SaysWhenTheDatabaseIsAway) {
  postgres::Pool nowhere("host=127.0.0.1 port=1", "test", 1);
  std::promise<absl::Status> end;
  Door door(
      "test", {.patience = std::chrono::milliseconds(50)}, nowhere,
      [](auto&, auto) { return absl::OkStatus(); }, registry_);
  ASSERT_TRUE(door.Start({}).ok());
  door.Submit(std::make_unique<Write>(1, &end));
  const absl::Status status = end.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(service::ReasonOf(status), "DATABASE_UNAVAILABLE");
}

}  // namespace
}  // namespace group_commit
