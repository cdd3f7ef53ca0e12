#include "libs/saga/simulation/exhaustive.h"

#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/saga/simulation/checks.h"
#include "libs/saga/simulation/world.h"

namespace saga::simulation {
namespace {

uint64_t AddUpTo64Bits(uint64_t a, uint64_t b) {
  const uint64_t sum = a + b;
  return sum < a ? std::numeric_limits<uint64_t>::max() : sum;
}

// Depth first, each state once.
class Search {
 public:
  // How many histories lead from `world` to an end, with what is left of the bounds.
  uint64_t Explore(const World& world, const Bounds& left) {
    if (world.in_flight().empty()) {
      CheckAtTheEnd(world, checks_);
      return 1;
    }
    const uint64_t state = std::hash<std::string>()(
        absl::StrCat(world.Fingerprint(), "|", left.comes_again, "|", left.overtakes));
    if (const auto seen = histories_.find(state); seen != histories_.end()) return seen->second;
    uint64_t histories = 0;
    for (const Delivery& delivery : Deliveries(world, left)) {
      histories = AddUpTo64Bits(histories, Follow(world, delivery, left));
      if (!checks_.violations().empty()) return histories;
    }
    histories_[state] = histories;
    return histories;
  }

  const Checks& checks() const { return checks_; }
  // From the start to the violation, if there is one.
  const std::vector<std::string>& way() const { return way_; }

 private:
  uint64_t Follow(const World& world, const Delivery& delivery, Bounds left) {
    World next = world;
    next.Deliver(delivery, checks_);
    // A crash leads back to this very state, unless a door is broken.
    const bool nothing_happened =
        delivery.fate == Fate::kCrashes && next.Fingerprint() == world.Fingerprint();
    if (nothing_happened && checks_.violations().empty()) return 0;
    way_.push_back(world.Describe(delivery));
    if (delivery.fate == Fate::kComesAgain || delivery.fate == Fate::kCrashes) --left.comes_again;
    if (delivery.fate == Fate::kOvertaken) --left.overtakes;
    uint64_t histories = 1;
    if (checks_.violations().empty()) histories = Explore(next, left);
    if (checks_.violations().empty()) way_.pop_back();
    return histories;
  }

  // All that can happen next.
  static std::vector<Delivery> Deliveries(const World& world, const Bounds& left) {
    std::vector<Delivery> all;
    for (size_t i = 0; i < world.in_flight().size(); ++i) {
      if (i > 0 && world.in_flight()[i].key == world.in_flight()[i - 1].key) continue;
      for (const bool willing : {true, false}) {
        if (!willing && !world.MayRefuse(i)) continue;
        all.push_back({i, Fate::kCommitted, willing});
        if (left.comes_again == 0) continue;
        all.push_back({i, Fate::kComesAgain, willing});
        all.push_back({i, Fate::kCrashes, willing});
      }
      if (left.overtakes > 0 && world.MayBeOvertaken(i)) all.push_back({i, Fate::kOvertaken});
    }
    return all;
  }

  Checks checks_;
  std::unordered_map<uint64_t, uint64_t> histories_;  // by the state they begin in
  std::vector<std::string> way_;
};

}  // namespace

Report RunAll(const System& system, const Bounds& bounds) {
  Search search;
  const uint64_t histories = search.Explore(World(system, bounds.sagas, {bounds.units}), bounds);
  Report report = {.histories = histories, .checks = search.checks().made()};
  if (!search.checks().violations().empty()) {
    report.violations = 1;
    report.first_violation = absl::StrCat(absl::StrJoin(search.checks().violations(), "\n"), "\n  ",
                                          absl::StrJoin(search.way(), "\n  "));
  }
  return report;
}

}  // namespace saga::simulation
