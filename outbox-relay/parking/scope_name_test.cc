#include "outbox-relay/parking/scope_name.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

TEST(ScopeNameTest, IsTheKeyOrTheId) {
  EXPECT_EQ(ScopeName("a", "e1"), "ka");
  EXPECT_EQ(ScopeName("", "e1"), "k");
  EXPECT_EQ(ScopeName(std::nullopt, "e1"), "ie1");
  EXPECT_EQ(ScopeName(std::string(1'000, 'x'), "e1"), "k" + std::string(1'000, 'x'));
}

TEST(ScopeNameTest, IsShortAndStillTellsLongKeysApart) {
  const std::string long_key(1'001, 'x');
  // Stands in databases: never to change.
  EXPECT_EQ(ScopeName(long_key, "e1"), "k" + std::string(1'000, 'x') + "#af2e510e9cc21727");
  EXPECT_NE(ScopeName(long_key + "y", "e1"), ScopeName(long_key + "z", "e1"));
}

// As an operator copies it from `parked list`.
TEST(ScopeNameTest, IsItsOwnName) {
  for (const std::string& key : {std::string(1'001, 'x'), std::string(999, 'x') + "\u00e9 more"}) {
    const std::string name = ScopeName(key, "e1");
    EXPECT_EQ(ScopeName(name.substr(1), "e1"), name);
  }
  const std::string like = std::string(1'000, 'x') + "#AF2E510E9CC21727";
  EXPECT_NE(ScopeName(like, "e1"), "k" + like);
}

TEST(ScopeNameTest, CutsNoCharacterInTwo) {
  std::string key(999, 'x');
  key += "\u00e9 and more";
  const std::string name = ScopeName(key, "e1");
  EXPECT_EQ(name.substr(0, 1'001), "k" + std::string(999, 'x') + "#");
  EXPECT_EQ(ScopeTopic(std::string(248, 't') + "\u00e9"), std::string(248, 't'));
  EXPECT_EQ(ScopeTopic("orders"), "orders");
}

}  // namespace
}  // namespace relay
