// For tests only: rows that no stream brings any more, and what healing makes of them.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_HEAL_FIXTURE_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_HEAL_FIXTURE_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/history_fixture.h"

namespace relay {

class HealFixture : public HistoryFixture {
 protected:
  // `payload` is SQL.
  void InsertEventOf(const std::string& topic, const std::string& key = "key",
                     const std::string& payload = "NULL") {
    Execute(
        absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic, payload) "
                     "VALUES (gen_random_uuid(), 'T', '",
                     key, "', 'T', '", topic, "', ", payload, ")"));
  }

  // Reads the topic with a client of its own: every row of it is there, and nothing else is.
  std::vector<Received> ExpectTableAndTopicAreTheSame() {
    std::set<std::string> table;
    postgres::Connection connection = database_.Connect();
    auto ids = connection.Execute("SELECT id::text FROM outbox WHERE topic = $1::text",
                                  postgres::Params().Text(topic_));
    EXPECT_TRUE(ids.ok()) << ids.status();
    for (int i = 0; ids.ok() && i < ids->rows(); ++i) table.emplace(ids->Text(i, 0));
    std::vector<Received> records = Read(table.size());
    EXPECT_EQ(Ids(records), table);
    return records;
  }

  void EventuallyHealed(const RelayProcess& relay) {
    Eventually("it has healed and streams", [&] {
      return relay.log().find("healed from the outbox's rows") != std::string::npos && SlotActive();
    });
  }

  // So that the next one begins.
  void KillHealing(RelayProcess& relay) {
    relay.Kill();
    Eventually("its sessions are gone", [&] {
      return database_.Count(
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                 "'outbox-relay heal' AND datname = current_database()") == 0;
    });
  }
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_HEAL_FIXTURE_H_
