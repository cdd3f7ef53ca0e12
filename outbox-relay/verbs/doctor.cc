#include "outbox-relay/verbs/doctor.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/service/kafka_flags.h"
#include "libs/service/runtime.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/verbs/kafka_checks.h"
#include "outbox-relay/verbs/postgres_checks.h"
#include "outbox-relay/verbs/symptom.h"
#include "outbox-relay/verbs/within.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kKafkaAnswer(5);

struct DoctorConfig {
  std::vector<std::string> sources;
  service::KafkaConfig kafka;
  std::string state_topic = kDefaultStateTopic;
  bool json = false;
  bool quiet = false;
  std::chrono::seconds timeout{30};
};

// Prints as it goes, and counts.
class Report {
 public:
  Report(bool json, bool quiet) : json_(json), quiet_(quiet) {}

  void Add(const std::string& subject, const Symptoms& symptoms) {
    for (const Symptom& symptom : symptoms.all()) {
      const auto level = static_cast<size_t>(symptom.level);
      ++counts_[level];
      if (quiet_ && symptom.level == Symptom::Level::kOk) continue;
      const std::string line = json_ ? ToJson(subject, symptom) : ToText(subject, symptom);
      std::printf("%s\n", line.c_str());
    }
    std::fflush(stdout);
  }

  // The exit code.
  int End() const {
    if (!json_)
      std::printf("%d ok, %d warnings, %d failures\n", counts_[0], counts_[1], counts_[2]);
    std::fflush(stdout);
    return counts_[2] == 0 ? 0 : 1;
  }

 private:
  const bool json_;
  const bool quiet_;
  int counts_[3] = {};
};

Symptoms NoAnswer(const DoctorConfig& config) {
  Symptoms symptoms;
  symptoms.Fail("connection", absl::StrCat("no answer within ", config.timeout.count(), " s"),
                "see whether the server hangs; --timeout_s gives it longer");
  return symptoms;
}

int Doctor(const service::Flags& flags, const DoctorConfig& config) {
  // What librdkafka has to say stands in the report.
  service::InitLogging(flags, {.log_level = "off"});
  Report report(config.json, config.quiet);
  const std::vector<NamedSource> sources = ToSources(config.sources);
  std::vector<std::function<SourceReport()>> asked;
  const kafka::Settings settings = service::ToSettings(config.kafka, "outbox-relay-doctor");
  for (const NamedSource& source : sources) {
    const StateTopicOptions topic = {
        .kafka = settings, .topic = config.state_topic, .source = source.name};
    asked.push_back([source, topic] { return CheckSource(source.conninfo, topic); });
  }
  const auto answers = AllWithin<SourceReport>(config.timeout, std::move(asked));
  std::vector<TopicInUse> topics;
  for (size_t i = 0; i < answers.size(); ++i) {
    report.Add(sources[i].name, answers[i] ? answers[i]->symptoms : NoAnswer(config));
    if (answers[i])
      topics.insert(topics.end(), answers[i]->topics.begin(), answers[i]->topics.end());
  }
  const auto kafka = AllWithin<Symptoms>(
      config.timeout, {[settings, topics] { return CheckKafka(settings, topics, kKafkaAnswer); }});
  report.Add("kafka", kafka[0] ? *kafka[0] : NoAnswer(config));
  std::_Exit(report.End());  // a question may still be open
}

}  // namespace

void AddDoctorVerb(Verbs& verbs) {
  auto config = std::make_shared<DoctorConfig>();
  service::Verb& doctor = verbs.Add(
      "doctor",
      "Looks at every source and at Kafka, changes nothing, and prints one line a finding, OK, "
      "WARN "
      "or FAIL, each with its fix. Exit code 0: run can publish; 1: it cannot; 2: wrong usage.",
      [&verbs, config] { return Doctor(verbs.flags(), *config); });
  AddSourceFlag(verbs.flags(), doctor, &config->sources);
  service::AddKafkaFlags(verbs.flags(), doctor, &config->kafka);
  doctor.Add(&config->state_topic,
             {.name = "state_topic", .help = "The relays' topic of positions, as in `run`."});
  doctor.Add(&config->json, {.name = "json", .help = "One JSON object a finding, each in a line."});
  doctor.Add(&config->quiet, {.name = "quiet", .help = "No lines that say OK."});
  doctor.Add(&config->timeout, {.name = "timeout_s",
                                .help = "Seconds to wait for the databases, and again for Kafka.",
                                .check = service::InRange(1, 3600)});
  doctor.AddExample(
      "--source=order-service=postgresql://order_service_relay@db/order_service "
      "--kafka_brokers=kafka:9092");
  doctor.AddExample("--source=… --kafka_brokers=kafka:9092 --json | jq 'select(.level != \"OK\")'");
}

}  // namespace relay
