#include "outbox-relay/verbs/verbs.h"

#include <utility>

namespace relay {

service::Verb& Verbs::Add(const std::string& name, const std::string& summary, Action action) {
  actions_[name] = std::move(action);
  return flags_.AddVerb(name, summary);
}

int Verbs::Run(int argc, char** argv) { return actions_.at(flags_.ParseOrExit(argc, argv))(); }

}  // namespace relay
