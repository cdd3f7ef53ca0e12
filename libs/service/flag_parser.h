// The parse of one command line: what Flags::Parse does. Internal to flags.
#ifndef ORDER_SAGA_LIBS_SERVICE_FLAG_PARSER_H_
#define ORDER_SAGA_LIBS_SERVICE_FLAG_PARSER_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/service/flags.h"

namespace service {

class FlagParser {
 public:
  FlagParser(Flags& flags, const Flags::Environment& environment)
      : flags_(flags), environment_(environment) {}

  Flags::Outcome Parse(std::span<const std::string> arguments);

 private:
  // Sorts the arguments to the verb's entries. Each error is remembered and the rest goes on.
  void ReadArguments(Verb& verb, std::span<const std::string> arguments);
  void Give(Verb::Entry& entry, const std::string& value);
  void ReadEnvironment(Verb& verb);
  void SetAndCheck(Verb& verb);
  void CheckRequired(const Verb& verb);

  std::string UnknownFlag(const Verb& verb, const std::string& name) const;
  Flags::Outcome UnknownVerb(const std::string& name) const;

  Flags& flags_;
  const Flags::Environment& environment_;
  std::vector<std::string> errors_;
};

// The candidates that a mistyped word may have meant, nearest first, at most three.
std::vector<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_FLAG_PARSER_H_
