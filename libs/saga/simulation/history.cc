#include "libs/saga/simulation/history.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/saga/simulation/checks.h"
#include "libs/saga/simulation/world.h"

namespace saga::simulation {
namespace {

// SplitMix64: the same numbers with every compiler and library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int Below(int limit) { return static_cast<int>(Next() % static_cast<uint64_t>(limit)); }
  bool Percent(int chance) { return Below(100) < chance; }

 private:
  uint64_t state_;
};

// One of a few, zero among them: histories without a fault find what faults hide.
int Chance(Random& random) {
  constexpr int kChances[] = {0, 5, 20, 50};
  return kChances[random.Below(4)];
}

// How often a fault still may happen, so that every history ends.
struct Budget {
  int chance;
  int left;

  bool Spend(Random& random) {
    if (left == 0 || !random.Percent(chance)) return false;
    --left;
    return true;
  }
};

class History {
 public:
  History(const System& system, uint64_t seed)
      : random_(seed),
        sagas_(1 + random_.Below(4)),
        refusals_(Chance(random_)),
        again_{Chance(random_), 10},
        crashes_{Chance(random_), 10},
        overtakes_{Chance(random_), 3},
        deliveries_max_(DeliveriesMax(system.table)),
        world_(system, sagas_, Units(system)) {}

  // With `trace`, each delivery is written into it.
  void Run(Checks& checks, std::vector<std::string>* trace) {
    int deliveries = 0;
    while (!world_.in_flight().empty() && checks.violations().empty()) {
      Deliver(checks, trace);
      checks.Expect(++deliveries <= deliveries_max_, "no end after ", deliveries, " deliveries");
    }
    if (checks.violations().empty()) CheckAtTheEnd(world_, checks);
  }

 private:
  std::vector<int> Units(const System& system) {
    std::vector<int> units;
    for (size_t i = 0; i < system.table.steps.size() + 1; ++i) {
      units.push_back(random_.Percent(25) ? random_.Below(sagas_ + 1) : sagas_);
    }
    return units;
  }

  // Each command is sent at most once, each delivery of a command brings one reply.
  int DeliveriesMax(const StepTable& table) const {
    int commands = 0;
    for (const Step& step : table.steps) commands += 2 * static_cast<int>(step.commands.size());
    return 2 * commands * sagas_ + 2 * again_.left + crashes_.left + overtakes_.left;
  }

  void Deliver(Checks& checks, std::vector<std::string>* trace) {
    const size_t message = random_.Below(static_cast<int>(world_.in_flight().size()));
    const Delivery delivery = {
        .message = message,
        .fate = ChooseFate(message),
        .willing = !world_.MayRefuse(message) || !random_.Percent(refusals_)};
    if (trace) trace->push_back(world_.Describe(delivery));
    world_.Deliver(delivery, checks);
  }

  Fate ChooseFate(size_t message) {
    if (world_.MayBeOvertaken(message) && overtakes_.Spend(random_)) return Fate::kOvertaken;
    if (crashes_.Spend(random_)) return Fate::kCrashes;
    if (again_.Spend(random_)) return Fate::kComesAgain;
    return Fate::kCommitted;
  }

  Random random_;
  int sagas_;
  int refusals_;  // percent
  Budget again_;
  Budget crashes_;
  Budget overtakes_;
  int deliveries_max_;
  World world_;
};

std::string Explain(const System& system, uint64_t seed) {
  Checks checks;
  std::vector<std::string> trace;
  History(system, seed).Run(checks, &trace);
  return absl::StrCat(absl::StrJoin(checks.violations(), "\n"), "\nagain: --seed ", seed,
                      " --histories 1\n  ", absl::StrJoin(trace, "\n  "));
}

}  // namespace

Report RunHistories(const System& system, uint64_t seed, uint64_t count) {
  Report report;
  for (; report.histories < count; ++report.histories) {
    Checks checks;
    const uint64_t own_seed = seed + report.histories;
    History(system, own_seed).Run(checks, nullptr);
    report.checks += checks.made();
    if (checks.violations().empty()) continue;
    if (report.violations++ == 0) report.first_violation = Explain(system, own_seed);
  }
  return report;
}

}  // namespace saga::simulation
