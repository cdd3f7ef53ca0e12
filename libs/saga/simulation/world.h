#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_WORLD_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_WORLD_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/saga/decider.h"
#include "libs/saga/simulation/checks.h"
#include "libs/saga/simulation/participant.h"
#include "libs/saga/simulation/system.h"

namespace saga::simulation {

// A command on its way to a participant, or a reply on its way back.
struct Message {
  int saga = 0;
  bool is_reply = false;
  CommandToSend command;  // of a command
  Reply reply;            // of a reply
  std::string key;        // equal for equal messages
};

// What becomes of a message in flight.
enum class Fate {
  kCommitted,   // handled once
  kComesAgain,  // handled, and delivered again some time: a crash before the offset's commit, a
                // rebalance, a relay or a retry that sent it twice
  kCrashes,     // its transaction is lost; delivered again
  kOvertaken,   // the undo or cancel of this action is handled first, as after a timeout
};

struct Delivery {
  size_t message = 0;  // index in in_flight()
  Fate fate = Fate::kCommitted;
  bool willing = true;  // an unwilling participant refuses
};

// The order that a saga is about. Never goes back.
enum class OrderStatus { kPending, kApproved, kRejected };

// One saga's row, and its order's, in the database of the deciding service.
struct SagaRun {
  Saga saga;
  OrderStatus order = OrderStatus::kPending;
  int ends = 0;
};

// Everything: sagas, participants, and messages in flight in no order at all. A value, so that a
// history can be tried, thrown away, and tried otherwise. There is no inbox here: every duplicate
// reaches the decider and the participants, who must stand it.
class World {
 public:
  // Starts `sagas` sagas. Each participant begins with as many units as `units` says, in the order
  // in which the table first names its topic; the last number counts for the rest.
  World(const System& system, int sagas, const std::vector<int>& units);

  const std::vector<Message>& in_flight() const { return in_flight_; }
  const std::vector<SagaRun>& runs() const { return runs_; }
  const std::vector<Participant>& participants() const { return participants_; }
  const System& system() const { return *system_; }
  const Participant& At(const std::string& topic) const { return participants_[IndexOf(topic)]; }
  // By saga and action: what a participant has promised to have undone.
  const std::set<std::pair<int, std::string>>& promised_gone() const { return promised_gone_; }

  // Everything that can happen is a delivery. `fate` and `willing` must be possible:
  void Deliver(const Delivery& delivery, Checks& checks);
  // only an action that can be taken back and that its participant has not seen is overtaken,
  bool MayBeOvertaken(size_t message) const;
  // and only actions up to the pivot are refused.
  bool MayRefuse(size_t message) const;

  // "saga 0: ReserveStock, comes again".
  std::string Describe(const Delivery& delivery) const;
  // All that makes a difference later, as bytes.
  std::string Fingerprint() const;

 private:
  void Overtake(const Message& action, Checks& checks);
  void Crash(const Message& message, bool willing, Checks& checks);
  void Handle(const Message& message, bool willing, Checks& checks);
  void Apply(int saga, const Decision& decision, Checks& checks);
  void React(SagaRun& run, Event event, Checks& checks);
  void SendCommand(int saga, const CommandToSend& command);
  void SendReply(int saga, const Reply& reply);
  void Put(Message message);
  void Remove(size_t message);
  size_t IndexOf(const std::string& topic) const;
  std::string Describe(const Message& message) const;

  const System* system_;
  std::vector<SagaRun> runs_;
  std::vector<Participant> participants_;
  std::vector<Message> in_flight_;  // sorted by key
  std::set<std::pair<int, std::string>> promised_gone_;
};

// The saga's id in this world.
std::string TxId(int saga);

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_WORLD_H_
