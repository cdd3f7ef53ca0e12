// Where a test finds its servers, and names that no other test uses.
#ifndef ORDER_SAGA_LIBS_TESTING_SERVERS_H_
#define ORDER_SAGA_LIBS_TESTING_SERVERS_H_

#include <string>
#include <string_view>

namespace testsupport {

// Conninfo of a superuser. Ends the test program with the way to start it if there is none.
std::string PostgresServer();

// Bootstrap servers.
std::string KafkaServer();

// `prefix` and 16 random hexadecimal digits: for databases, slots, topics, groups.
std::string UniqueName(std::string_view prefix);

}  // namespace testsupport

#endif  // ORDER_SAGA_LIBS_TESTING_SERVERS_H_
