// The columns of an outbox that may be of several types (outbox_table.cc has them all), for who
// reads the table and not the log.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_COLUMNS_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_COLUMNS_H_

#include <string>

#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

// The column with the cast that gives the bytes which the stream's event has (source/event.h): text
// for numbers, uuid and JSON; nothing for text and bytea. NotFound: `outbox` has no such column.
absl::StatusOr<std::string> AsStreamed(postgres::Connection& connection, const std::string& column);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_COLUMNS_H_
