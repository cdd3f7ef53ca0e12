#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_HISTORY_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_HISTORY_H_

#include <cstdint>

#include "libs/saga/simulation/report.h"
#include "libs/saga/simulation/system.h"

namespace saga::simulation {

// Runs `count` random histories; the i-th is wholly determined by seed + i. Each has a few sagas
// that compete for few units, its own shares of refusals, duplicates, crashes and overtaking
// undos, and delivers messages in any order until none is left.
Report RunHistories(const System& system, uint64_t seed, uint64_t count);

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_HISTORY_H_
