#include "libs/kafka/config.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/telemetry/log.h"

namespace kafka {
namespace {

struct Reserved {
  std::string_view name;
  std::string_view why;
};

// What a user may not set: the promises of the doors and the relay rest on it.
constexpr Reserved kReserved[] = {
    {"bootstrap.servers", "use --kafka_brokers"},
    {"metadata.broker.list", "use --kafka_brokers"},
    {"group.id", "use --consumer_group"},
    {"enable.auto.commit", "offsets are committed after the database transaction"},
    {"enable.auto.offset.store", "offsets are committed after the database transaction"},
    {"auto.offset.reset", "a new group must not skip what is there"},
    {"partition.assignment.strategy", "the doors rely on eager rebalances"},
    {"enable.partition.eof", "the watch for partitions that stand still rests on it"},
    {"acks", "the relay confirms only what all replicas have"},
    {"request.required.acks", "the relay confirms only what all replicas have"},
    {"enable.idempotence", "the order of a key's events rests on it"},
    {"enable.gapless.guarantee", "the order of a key's events rests on it"},
    {"message.timeout.ms", "an event never times out, it waits"},
    {"delivery.timeout.ms", "an event never times out, it waits"},
    {"partitioner", "keys must meet the partitions that a Java client would choose"},
    {"transactional.id", "the relay chooses it"},
};

constexpr std::string_view kSecretParts[] = {"password", "secret", "key.pem", "token", "jaas"};

std::string Quoted(std::string_view text) { return absl::StrCat("\"", std::string(text), "\""); }

absl::Status Set(rd_kafka_conf_t* conf, std::string_view name, std::string_view value) {
  char why[512] = "";
  const rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, std::string(name).c_str(),
                                                       std::string(value).c_str(), why, sizeof why);
  if (result == RD_KAFKA_CONF_OK) return absl::OkStatus();
  if (result == RD_KAFKA_CONF_UNKNOWN) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Kafka property ", Quoted(name), " is not known to librdkafka ", rd_kafka_version_str()));
  }
  // librdkafka's text repeats the value.
  return absl::InvalidArgumentError(
      IsSecretProperty(name)
          ? absl::StrCat("Kafka property ", Quoted(name), ": the value is not valid")
          : absl::StrCat("Kafka property ", Quoted(name), ": ", why));
}

absl::Status Refuse(std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("Kafka property ", Quoted(name), " cannot be set here: ", std::string(why)));
}

absl::Status SetByUser(rd_kafka_conf_t* conf, const Property& property) {
  for (const Reserved& reserved : kReserved) {
    if (reserved.name == property.first) return Refuse(reserved.name, reserved.why);
  }
  return Set(conf, property.first, property.second);
}

// Called on librdkafka's threads.
void OnLog(const rd_kafka_t* client, int syslog_level, const char* facility, const char* text) {
  using telemetry::Level;
  // At each start of a relay it calls this property experimental, and says what it does. That is
  // known and wanted, and a warning that can never be acted on hides those that can.
  if (std::string_view(facility) == "CONFWARN" &&
      std::string_view(text).find("enable.gapless.guarantee is experimental") !=
          std::string_view::npos) {
    return;
  }
  // Its errors are mostly about a broker that it will try again, so they are warnings to us.
  const Level level = syslog_level <= 2   ? Level::kError
                      : syslog_level <= 4 ? Level::kWarn
                      : syslog_level <= 6 ? Level::kInfo
                                          : Level::kDebug;
  telemetry::Log(level, "librdkafka",
                 {{"client", client == nullptr ? "" : rd_kafka_name(client)},
                  {"facility", facility},
                  {"text", text}});
}

// Called by whoever polls the client. Broker trouble comes by OnLog too; only what needs more
// attention than that is logged again.
void OnError(rd_kafka_t* client, int code, const char* reason, void*) {
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    telemetry::Warn("no Kafka broker can be reached; trying on",
                    {{"client", rd_kafka_name(client)}, {"error", reason}});
  } else if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__FATAL) {
    telemetry::Error(
        "Kafka client error",
        {{"client", rd_kafka_name(client)}, {"code", rd_kafka_err2name(error)}, {"error", reason}});
  }
}

}  // namespace

void ConfDeleter::operator()(rd_kafka_conf_s* conf) const { rd_kafka_conf_destroy(conf); }

bool IsSecretProperty(std::string_view name) {
  return std::any_of(std::begin(kSecretParts), std::end(kSecretParts), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

absl::StatusOr<Property> ParseProperty(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(
        "a Kafka property is written NAME=VALUE, as in security.protocol=SASL_SSL");
  }
  return Property(text.substr(0, equals), text.substr(equals + 1));
}

absl::Status CheckSettings(const Settings& settings) {
  const Conf conf(rd_kafka_conf_new());
  std::vector<std::string> errors;
  if (settings.brokers.empty())
    errors.push_back("no Kafka brokers are given, as in 127.0.0.1:9092");
  for (const Property& property : settings.properties) {
    const absl::Status status = SetByUser(conf.get(), property);
    if (!status.ok()) errors.emplace_back(status.message());
  }
  return errors.empty() ? absl::OkStatus()
                        : absl::InvalidArgumentError(absl::StrJoin(errors, "; "));
}

absl::StatusOr<Conf> MakeConf(
    const Settings& settings,
    std::span<const std::pair<std::string_view, std::string_view>> defaults,
    std::span<const std::pair<std::string_view, std::string_view>> required) {
  Conf conf(rd_kafka_conf_new());
  absl::Status status = Set(conf.get(), "bootstrap.servers", settings.brokers);
  if (status.ok()) status = Set(conf.get(), "client.id", settings.client_id);
  for (const auto& [name, value] : defaults) {
    if (status.ok()) status = Set(conf.get(), name, value);
  }
  for (const Property& property : settings.properties) {
    const bool needed = std::any_of(required.begin(), required.end(),
                                    [&](const auto& own) { return own.first == property.first; });
    if (status.ok() && needed) status = Refuse(property.first, "this program depends on its value");
    if (status.ok()) status = SetByUser(conf.get(), property);
  }
  for (const auto& [name, value] : required) {
    if (status.ok()) status = Set(conf.get(), name, value);
  }
  if (!status.ok()) return status;
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  rd_kafka_conf_set_error_cb(conf.get(), OnError);
  return conf;
}

}  // namespace kafka
