#include "outbox-relay/sink/producer_conf.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"

namespace relay {
namespace {

using NameAndValue = std::pair<std::string_view, std::string_view>;

constexpr NameAndValue kDefaults[] = {
    // An event that comes alone does not wait; when many come, the relay hands them over in bursts
    // (read_pacer.h).
    {"linger.ms", "0"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"compression.type", "lz4"},
    {"reconnect.backoff.max.ms", "1000"},
    // The topic's own limit decides; the brokers' default is 1 MiB.
    {"message.max.bytes", "33554432"},
    // Our own count bounds the memory: librdkafka's does not see headers.
    {"queue.buffering.max.messages", "10000000"},
    {"queue.buffering.max.kbytes", "2097151"},
};

constexpr NameAndValue kRequired[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},
};
constexpr NameAndValue kWithoutTransactions[] = {
    {"enable.gapless.guarantee", "true"},
    {"message.timeout.ms", "0"},
};
// What fails here aborts the transaction, so no gap opens. The timeout bounds how long consumers of
// committed records wait when a relay dies and none takes over.
constexpr std::string_view kTransactionTimeout = "15000";

}  // namespace

size_t TakeBatchBytes(kafka::Settings& settings, size_t most) {
  size_t bytes = 1'000'000;
  std::erase_if(settings.properties, [&](const kafka::Property& property) {
    size_t value = 0;
    const bool takes =
        property.first == "batch.size" && absl::SimpleAtoi(property.second, &value) && value > 0;
    if (takes) bytes = value;
    return takes;
  });
  return most == 0 ? bytes : std::min(bytes, most);
}

absl::StatusOr<kafka::Conf> MakeProducerConf(const kafka::Settings& settings, size_t batch_bytes,
                                             const std::string& transactional_id) {
  const std::string batch_size = std::to_string(batch_bytes);
  std::vector<NameAndValue> required(std::begin(kRequired), std::end(kRequired));
  required.emplace_back("batch.size", batch_size);
  if (transactional_id.empty()) {
    required.insert(required.end(), std::begin(kWithoutTransactions),
                    std::end(kWithoutTransactions));
  } else {
    required.emplace_back("transactional.id", transactional_id);
    required.emplace_back("transaction.timeout.ms", kTransactionTimeout);
    required.emplace_back("message.timeout.ms", kTransactionTimeout);
  }
  // Else the event behind a refused one could be taken.
  if (batch_bytes == 1) required.emplace_back("max.in.flight.requests.per.connection", "1");
  return kafka::MakeConf(settings, kDefaults, required);
}

}  // namespace relay
