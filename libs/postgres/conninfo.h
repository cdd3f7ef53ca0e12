// Connection strings, as far as they can be judged without connecting.
#ifndef ORDER_SAGA_LIBS_POSTGRES_CONNINFO_H_
#define ORDER_SAGA_LIBS_POSTGRES_CONNINFO_H_

#include <string_view>

#include "absl/status/status.h"

namespace postgres {

// InvalidArgument, without repeating anything of a string that may hold a password, unless `text`
// is what libpq takes (URI or keywords, PostgreSQL docs "Connection Strings"), names a database,
// and its ports are ports.
absl::Status CheckConninfo(std::string_view text);

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_CONNINFO_H_
