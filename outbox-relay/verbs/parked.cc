#include "outbox-relay/verbs/parked.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/parking/operator.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/verbs/for_each_source.h"

namespace relay {
namespace {

struct ParkedConfig {
  std::vector<std::string> sources;
  parked::Selection selection;
  bool all = false;
  bool json = false;
  bool dry_run = false;
  bool all_behind = false;
  std::string why;
  std::string by;
};

constexpr char kWithTopic[] =
    ". All keys of the topic that are not listed by themselves are parked together: give "
    "--rest_of_topic instead of --key, or --id";

constexpr char kMayBeThere[] =
    ". One that was not refused itself may be at Kafka: sent beside the refused event, or "
    "released before";

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

absl::Status Explained(const absl::Status& status) {
  if (postgres::SqlState(status) != "42P01") return status;
  return absl::FailedPreconditionError(
      absl::StrCat(std::string(status.message()),
                   ". Fix: run the service's `migrate` verb, which makes outbox_parked"));
}

std::string ByWhom(const ParkedConfig& config) { return config.by.empty() ? WhoAmI() : config.by; }

using Act = std::function<absl::Status(const std::string& source, postgres::Connection&)>;

int DoForEach(const ParkedConfig& config, const Act& act) {
  return ForEachSource(config.sources, "outbox-relay parked",
                       [&](const std::string& source, postgres::Connection& connection) {
                         return Explained(act(source, connection));
                       });
}

std::string StateOf(const parked::KeyInfo& key) {
  if (key.released) return "released";
  return key.poison_dropped ? "dropped" : "parked";
}

std::string WhichOf(const parked::KeyInfo& key) {
  if (key.rest_of_topic) return "all other keys";
  return key.key ? absl::StrCat("key ", *key.key) : "without a key";
}

std::string FixOf(const parked::KeyInfo& key) {
  return key.poison_dropped ? "outbox-relay parked release: what is behind it flows" : key.fix;
}

int List(const ParkedConfig& config) {
  nlohmann::json all = nlohmann::json::array();
  const int exit_code =
      DoForEach(config, [&](const std::string& source, postgres::Connection& connection) {
        auto keys = parked::ListKeys(connection, config.selection);
        if (!keys.ok()) return keys.status();
        for (const parked::KeyInfo& key : *keys) {
          if (config.json) {
            all.push_back({{"source", source},
                           {"topic", key.topic},
                           {"key", key.key ? nlohmann::json(*key.key) : nlohmann::json()},
                           {"rest_of_topic", key.rest_of_topic},
                           {"state", StateOf(key)},
                           {"poison_id", key.poison_id},
                           {"reason", key.reason},
                           {"fix", FixOf(key)},
                           {"since", key.since},
                           {"age_seconds", key.age_seconds},
                           {"events", key.events}});
            continue;
          }
          Print(absl::StrCat(source, "  ", key.topic, "  ", WhichOf(key), "  ", StateOf(key),
                             " since ", key.since, "  ", key.events, " events"));
          Print(absl::StrCat("    refused: ", key.poison_id, ", ", key.reason));
          Print(absl::StrCat("    fix:     ", FixOf(key)));
        }
        if (!keys->empty() || config.json) return absl::OkStatus();
        // It tells whether the key is parked with its topic.
        auto release = parked::ReleaseKeys(connection, config.selection, "", /*dry_run=*/true);
        if (!release.ok()) return release.status();
        Print(release->with_topic
                  ? absl::StrCat(source, ": the key is not parked by itself", kWithTopic)
                  : absl::StrCat(source, ": nothing is parked"));
        return absl::OkStatus();
      });
  using ErrorHandler = nlohmann::json::error_handler_t;
  if (config.json) Print(all.dump(2, ' ', false, ErrorHandler::replace));
  return exit_code;
}

int ReleaseSelected(const ParkedConfig& config) {
  return DoForEach(config, [&](const std::string& source, postgres::Connection& connection) {
    auto changed =
        parked::ReleaseKeys(connection, config.selection, ByWhom(config), config.dry_run);
    if (!changed.ok()) return changed.status();
    std::string line = absl::StrCat(source, ": ");
    if (changed->keys == 0) {
      absl::StrAppend(&line, "nothing to release: no such key is parked, or it is released already",
                      changed->with_topic ? kWithTopic : "");
    } else if (config.dry_run) {
      absl::StrAppend(&line, "would release ", changed->keys, " keys with ", changed->events,
                      " events");
    } else {
      absl::StrAppend(&line, "released ", changed->keys, " keys with ", changed->events,
                      " events; ",
                      changed->relay_active
                          ? "the active relay publishes them"
                          : "no relay streams this source (`outbox-relay status` says why): they "
                            "are published once one does");
    }
    Print(line);
    return absl::OkStatus();
  });
}

int DropSelected(const ParkedConfig& config) {
  return DoForEach(config, [&](const std::string& source, postgres::Connection& connection) {
    auto changed = parked::DropEvents(
        connection, config.selection,
        {.who = ByWhom(config), .why = config.why, .all_behind = config.all_behind},
        config.dry_run);
    if (!changed.ok()) return changed.status();
    if (changed->released_keys > 0) {
      Print(absl::StrCat(source, changed->events == 0 ? ": nothing to drop: " : ": left alone: ",
                         changed->released_keys,
                         " keys are released, so that their events may be at Kafka already. Drop "
                         "what it refuses again"));
      if (changed->events == 0) return absl::OkStatus();
    }
    if (changed->events == 0) {
      Print(absl::StrCat(source,
                         ": nothing to drop: no such event is parked, or it is dropped already",
                         changed->with_topic ? kWithTopic : ""));
    } else if (config.dry_run) {
      Print(absl::StrCat(source, ": would drop ", changed->events, " events of ", changed->keys,
                         " keys, for good"));
    } else {
      Print(absl::StrCat(source, ": dropped ", changed->events, " events of ", changed->keys,
                         " keys; what else is parked of them flows after `outbox-relay parked "
                         "release`",
                         (config.all_behind || config.selection.id) ? kMayBeThere : ""));
    }
    return absl::OkStatus();
  });
}

std::function<absl::Status(std::string_view)> Into(std::optional<std::string>* value) {
  return [value](std::string_view text) {
    *value = std::string(text);
    return absl::OkStatus();
  };
}

enum class Use { kList, kRelease, kDrop };

void AddSelection(Verbs& verbs, service::Verb& verb, ParkedConfig* config, Use use) {
  const bool needed = use != Use::kList;
  AddSourceFlag(verbs.flags(), verb, &config->sources);
  verb.Add(
      Into(&config->selection.id), "",
      {.name = "id",
       .help = use == Use::kDrop ? "The id of a parked event: it is meant, and not the refused one."
                                 : "The id of a parked event: its key is meant."});
  verb.Add(Into(&config->selection.topic), "",
           {.name = "topic", .help = "Only this topic; with --key one key of it, else all."});
  verb.Add(Into(&config->selection.key), "", {.name = "key", .help = "Only this key of --topic."});
  verb.Add(&config->selection.rest_of_topic,
           {.name = "rest_of_topic",
            .help = "Only those keys of --topic that are parked together, as more than "
                    "--max_parked_keys were."});
  if (needed) {
    verb.Add(&config->all, {.name = "all", .help = "Everything that is parked in the source."});
    verb.Add(&config->dry_run,
             {.name = "dry_run", .help = "Says what would be done, and does nothing."});
    verb.Add(&config->by, {.name = "by",
                           .help = "Who does it, kept in the table; by default this user and "
                                   "host."});
  }
  verbs.flags().AddCheck(verb, [config, needed] {
    const parked::Selection& selection = config->selection;
    if (selection.key && !selection.topic) {
      return absl::InvalidArgumentError("--key (ORDER_SAGA_KEY) needs --topic (ORDER_SAGA_TOPIC)");
    }
    if (selection.rest_of_topic && (!selection.topic || selection.key)) {
      return absl::InvalidArgumentError("--rest_of_topic needs --topic, and no --key");
    }
    const int given = (selection.id ? 1 : 0) + (selection.topic ? 1 : 0) + (config->all ? 1 : 0);
    if (given > 1 || (needed && given == 0)) {
      return absl::InvalidArgumentError(
          "give one of --id, --topic (perhaps with --key) or --all: which keys are meant");
    }
    return absl::OkStatus();
  });
}

constexpr char kSource[] =
    "--source=order-service=postgresql://order_service_relay@db/order_service";

}  // namespace

void AddParkedVerbs(Verbs& verbs) {
  auto list_config = std::make_shared<ParkedConfig>();
  service::Verb& list =
      verbs.Add("parked list",
                "Lists the keys of which Kafka has refused an event: why, the fix, and how many "
                "events wait behind it.",
                [list_config] { return List(*list_config); });
  AddSelection(verbs, list, list_config.get(), Use::kList);
  list.Add(&list_config->json, {.name = "json", .help = "As a JSON array, for programs."});
  list.AddExample(kSource);
  list.AddExample(absl::StrCat(kSource, " --topic=orders --json"));

  auto release_config = std::make_shared<ParkedConfig>();
  service::Verb& release =
      verbs.Add("parked release",
                "Has parked keys' events published, in order, by the active relay; then the keys "
                "are parked no more. What Kafka still refuses is parked again. To be used once the "
                "cause is put right; again it does no harm.",
                [release_config] { return ReleaseSelected(*release_config); });
  AddSelection(verbs, release, release_config.get(), Use::kRelease);
  release.AddExample(absl::StrCat(kSource, " --id=0192f0c1-2345-7abc-8def-0123456789ab"));
  release.AddExample(absl::StrCat(kSource, " --topic=orders --key=4711"));
  release.AddExample(absl::StrCat(kSource, " --all --dry_run"));

  auto drop_config = std::make_shared<ParkedConfig>();
  service::Verb& drop =
      verbs.Add("parked drop",
                "Gives up the event that Kafka refused (with --id: that event) for good: it is "
                "not published from then on, and stays in outbox_parked with who, when and why. "
                "What is behind it stays parked until `parked release`. Again it does no harm.",
                [drop_config] { return DropSelected(*drop_config); });
  AddSelection(verbs, drop, drop_config.get(), Use::kDrop);
  drop.Add(&drop_config->why, {.name = "reason",
                               .help = "Why, for those who look for the event later.",
                               .example = "'a test order with an attachment'",
                               .required = true});
  drop.Add(&drop_config->all_behind,
           {.name = "all_behind",
            .help = "All that is parked by now, and not only the refused event, with --topic or "
                    "--all. Some may be at Kafka: sent beside it, or released before."});
  verbs.flags().AddCheck(drop, [drop_config] {
    if (!drop_config->all_behind || !drop_config->selection.id) return absl::OkStatus();
    return absl::InvalidArgumentError("--id means one event: give --all_behind with --topic");
  });
  drop.AddExample(
      absl::StrCat(kSource, " --topic=orders --key=4711 --reason='too large, sent by mail'"));
  drop.AddExample(
      absl::StrCat(kSource, " --topic=ordres --all_behind --reason='a mistyped topic'"));
}

}  // namespace relay
