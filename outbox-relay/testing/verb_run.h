// For tests only: a verb of the real program, run to its end.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_VERB_RUN_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_VERB_RUN_H_

#include <string>
#include <vector>

namespace relay {

struct VerbRun {
  int exit_code = -1;
  std::string output;  // stdout and stderr, as they came
};

// `words`: the verb and its flags.
VerbRun RunVerb(const std::vector<std::string>& words);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_VERB_RUN_H_
