#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_CHECKS_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_CHECKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/saga/decider.h"

// What must hold. Everything that is promised about a saga stands in checks.cc.
namespace saga::simulation {

class World;

// Counts what was checked and keeps what did not hold.
class Checks {
 public:
  template <typename... Text>
  void Expect(bool holds, const Text&... text) {
    ++made_;
    if (!holds) violations_.push_back(absl::StrCat(text...));
  }

  uint64_t made() const { return made_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  uint64_t made_ = 0;
  std::vector<std::string> violations_;
};

// Before a command is sent: what it builds on is done, and what it undoes is there.
void CheckMaySend(const World& world, int saga, const CommandToSend& command, Checks& checks);

// After each delivery.
void CheckNow(const World& world, Checks& checks);

// When nothing is in flight any more.
void CheckAtTheEnd(const World& world, Checks& checks);

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_CHECKS_H_
