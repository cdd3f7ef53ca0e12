// librdkafka's configuration, with errors that name the property.
#ifndef ORDER_SAGA_LIBS_KAFKA_CONFIG_H_
#define ORDER_SAGA_LIBS_KAFKA_CONFIG_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// rd_kafka_t, rd_kafka_conf_t: librdkafka's header stays in .cc files.
struct rd_kafka_s;
struct rd_kafka_conf_s;

namespace kafka {

using Property = std::pair<std::string, std::string>;

// What a program's flags say about Kafka.
struct Settings {
  // "HOST:PORT,HOST:PORT".
  std::string brokers;
  // Names this program in the brokers' logs and metrics.
  std::string client_id;
  // librdkafka's own properties, for TLS, SASL and tuning (--kafka_property). They win over our
  // defaults; a property that we depend on is refused.
  std::vector<Property> properties;
};

// "security.protocol=SASL_SSL" into name and value.
absl::StatusOr<Property> ParseProperty(std::string_view text);

// Tries the settings on a configuration that is thrown away: all errors at once. For the check at
// a program's start.
absl::Status CheckSettings(const Settings& settings);

struct ConfDeleter {
  void operator()(rd_kafka_conf_s* conf) const;
};
using Conf = std::unique_ptr<rd_kafka_conf_s, ConfDeleter>;

// `defaults`, then the user's properties, then `required`, which a user may not set. Brokers,
// client id and the callbacks that lead librdkafka's logs and errors into ours are set too (not its
// opaque pointer). INVALID_ARGUMENT names the property; secret values are never repeated.
absl::StatusOr<Conf> MakeConf(
    const Settings& settings,
    std::span<const std::pair<std::string_view, std::string_view>> defaults,
    std::span<const std::pair<std::string_view, std::string_view>> required);

// True for a property whose value must not be printed (sasl.password, ssl.key.pem, …).
bool IsSecretProperty(std::string_view name);

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_CONFIG_H_
