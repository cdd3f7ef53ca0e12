// saga_simulator: runs simulated histories of the order saga and says what did not hold.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <random>

#include "libs/saga/simulation/exhaustive.h"
#include "libs/saga/simulation/history.h"
#include "libs/saga/testing/order_table.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Simulates the order saga: decider and model participants, with duplicates, any order of\n"
      "messages, crashes, refusals and overtaking undos. Exits with 1 if a promise was broken,\n"
      "with 2 if it was called wrongly.",
      "saga_simulator"};
  uint64_t seed = 0;
  uint64_t histories = 10000;
  bool exhaustive = false;
  saga::simulation::Bounds bounds;
  const CLI::Option* seeded = app.add_option(
      "--seed", seed, "Of the first history; the next has seed + 1 (default: random)");
  app.add_option("--histories", histories, "How many random histories")->capture_default_str();
  app.add_flag("--exhaustive", exhaustive,
               "Every refusal, duplicate, order and crash point, within the bounds below");
  app.add_option("--sagas", bounds.sagas, "With --exhaustive: how many at once")
      ->check(CLI::Range(1, 4))
      ->capture_default_str();
  app.add_option("--units", bounds.units, "With --exhaustive: what each participant has")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--duplicates", bounds.comes_again, "With --exhaustive: in one history")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  app.add_option("--overtakes", bounds.overtakes,
                 "With --exhaustive: undos that come before their action, in one history")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;  // --help is no error
  }

  const saga::simulation::System system{.table = saga::OrderTable()};
  saga::simulation::Report report;
  if (exhaustive) {
    report = saga::simulation::RunAll(system, bounds);
  } else {
    if (seeded->empty()) seed = std::random_device{}();
    std::cout << "seed " << seed << "\n";
    report = saga::simulation::RunHistories(system, seed, histories);
  }
  if (report.violations > 0) std::cout << "\n" << report.first_violation << "\n\n";
  std::cout << "histories " << report.histories << "\nchecks " << report.checks << "\nviolations "
            << report.violations << "\n";
  return report.violations == 0 ? 0 : 1;
}
