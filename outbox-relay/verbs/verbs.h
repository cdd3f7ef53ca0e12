// What the program can do: each verb brings its flags and its action, in files of its own.
//
//   void AddDoctorVerb(Verbs& verbs) {
//     auto config = std::make_shared<DoctorConfig>();
//     service::Verb& doctor = verbs.Add("doctor", "Says what is wrong.",
//                                       [config] { return Doctor(*config); });
//     AddSourceFlag(verbs.flags(), doctor, &config->sources);
//   }
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_VERBS_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_VERBS_H_

#include <functional>
#include <map>
#include <string>

#include "libs/service/flags.h"

namespace relay {

// Used by one thread.
class Verbs {
 public:
  // What a verb does once its flags are read; answers the program's exit code: 0 done, 1 failed,
  // 2 wrong usage (which the parse has mostly found before).
  using Action = std::function<int()>;

  explicit Verbs(service::Flags& flags) : flags_(flags) {}

  // The first one added is what runs when no verb is given. Two words are one verb: "parked list".
  service::Verb& Add(const std::string& name, const std::string& summary, Action action);

  // For checks over several flags, and for service::Runtime.
  service::Flags& flags() { return flags_; }

  // Parses and does what was asked for; answers the exit code. Ends the process after --help,
  // --version and wrong usage.
  int Run(int argc, char** argv);

 private:
  service::Flags& flags_;
  std::map<std::string, Action> actions_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_VERBS_H_
