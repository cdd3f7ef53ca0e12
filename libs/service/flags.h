// A program's flags, in one list: verbs, each with flags that have a name, an environment variable,
// a default, a description and checks. Everything is validated at once before anything starts.
//
//   service::Flags flags("order-service", ORDER_SAGA_VERSION, "Takes orders and runs their
//   sagas."); service::Verb& run = flags.AddVerb("run", "Serves until SIGTERM.");      // first =
//   default run.Add(&config.database, {.name = "database", .help = "Where the service's data is.",
//                              .example = "postgresql://order_service@db/order_service",
//                              .required = true});
//   const std::string verb = flags.ParseOrExit(argc, argv);
//
// --flag=VALUE or --flag VALUE; booleans also as --flag and --no_flag. '-' and '_' are the same in
// names. The command line wins over the environment (ORDER_SAGA_FLAG), that over the default.
// Environment variables of other programs' flags are ignored: one environment serves all.
#ifndef ORDER_SAGA_LIBS_SERVICE_FLAGS_H_
#define ORDER_SAGA_LIBS_SERVICE_FLAGS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace service {

// Looks at the text of a value; its error says what would be right: "must be 1 to 65535".
using FlagCheck = std::function<absl::Status(std::string_view value)>;

// A number from lo to hi.
FlagCheck InRange(double lo, double hi);
FlagCheck OneOf(std::vector<std::string> values);
// "HOST:PORT".
FlagCheck IsHostPort();
// "HOST:PORT,HOST:PORT".
FlagCheck IsHostPortList();

struct Flag {
  // snake_case; durations end in their unit: drain_timeout_s.
  std::string name;
  // One or two sentences: what it does, its unit.
  std::string help;
  std::string example = {};
  bool required = false;
  // Never printed, only "(set)". Not needed for connection strings: passwords are blotted out of
  // every value that is printed (redact.h), which leaves the useful rest.
  bool secret = false;
  FlagCheck check = {};
  // For lists, between the values in the environment variable.
  char env_separator = ',';
};

class Verb {
 public:
  // Each puts a flag on this verb. *value is its default and must outlive the parse.
  void Add(std::string* value, Flag flag);
  void Add(bool* value, Flag flag);
  void Add(int* value, Flag flag);
  void Add(std::int64_t* value, Flag flag);
  void Add(double* value, Flag flag);
  // The name ends in _s or _ms.
  void Add(std::chrono::seconds* value, Flag flag);
  void Add(std::chrono::milliseconds* value, Flag flag);
  // May be given several times; given at all, it replaces the default.
  void Add(std::vector<std::string>* value, Flag flag);
  // Any other type: `set` parses and stores one value, `default_text` is what --help shows.
  void Add(std::function<absl::Status(std::string_view)> set, std::string default_text, Flag flag);

  // A command line for the end of --help: the flags only, as in "--source=a=postgresql://b/c".
  void AddExample(std::string flags) { examples_.push_back(std::move(flags)); }

  const std::string& name() const { return name_; }

 private:
  friend class Flags;
  friend class FlagParser;
  struct Entry {
    Flag flag;
    enum class Kind { kValue, kBool, kList } kind;
    std::string default_text;
    std::function<absl::Status(std::span<const std::string> values)> set;
    // Filled by the parse: what was given, and where.
    std::optional<std::vector<std::string>> given = {};
    bool from_environment = false;
  };
  Verb(std::string name, std::string summary)
      : name_(std::move(name)), summary_(std::move(summary)) {}
  void AddEntry(Entry entry);

  std::string name_;
  std::string summary_;
  std::vector<Entry> entries_;
  std::vector<std::string> examples_;
};

class Flags {
 public:
  Flags(std::string program, std::string version, std::string summary);
  ~Flags();

  // The first one added is what runs when no verb is given. A name may be two words ("parked
  // list"). References stay valid.
  Verb& AddVerb(std::string name, std::string summary);

  // A check over several flags of one verb, run when each flag for itself is right:
  // INVALID_ARGUMENT names the flags and the fix.
  void AddCheck(const Verb& verb, std::function<absl::Status()> check);

  // The verb. Ends the process with 0 after --help and --version, with 2 after printing every
  // error, each with the flag, its environment variable and the fix.
  std::string ParseOrExit(int argc, char** argv);

  // What ParseOrExit is made of, for tests.
  struct Outcome {
    std::string verb;
    std::optional<int> exit_code;
    std::string output;  // for stdout
    std::string errors;  // for stderr
  };
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;
  Outcome Parse(std::span<const std::string> arguments, const Environment& environment);

  // Name and value of each flag of the parsed verb, redacted: for the line at the start.
  std::vector<std::pair<std::string, std::string>> Effective() const;

  const std::string& program() const { return program_; }
  const std::string& version() const { return version_; }

 private:
  friend class FlagParser;
  std::string Help(const Verb* only) const;
  // Of the verbs whose first word this is; empty if there are none.
  std::string GroupHelp(const std::string& first_word) const;
  Verb* FindVerb(std::string_view name);

  std::string program_;
  std::string version_;
  std::string summary_;
  std::vector<std::unique_ptr<Verb>> verbs_;
  std::vector<std::pair<const Verb*, std::function<absl::Status()>>> checks_;
  const Verb* parsed_ = nullptr;
};

// "kafka_brokers" → "ORDER_SAGA_KAFKA_BROKERS".
std::string EnvironmentName(std::string_view flag);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_FLAGS_H_
