// Blots secrets out of texts that people will read.
#ifndef ORDER_SAGA_LIBS_SERVICE_REDACT_H_
#define ORDER_SAGA_LIBS_SERVICE_REDACT_H_

#include <string>
#include <string_view>

namespace service {

// Replaces by *** what stands after ':' in a URI's user part, and the value of every `name=value`
// whose name holds "password", "passwd", "secret", "token", "jaas" or "key.pem", be it in a
// connection string (quoted or not), a URI's query or a Kafka property.
std::string Redact(std::string_view text);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_REDACT_H_
