// The publication that a stream is of. What it leaves out comes in no stream, and nobody is told:
// so whatever changes it is noticed.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_

#include <libpq-fe.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace relay {

inline constexpr char kPublication[] = "outbox";

// For people who are told to alter it.
inline constexpr char kAfterAltering[] =
    "; relays that have recorded the publication then stop at the finding publication_changed, as "
    "rows may have been left out: outbox-relay accept-history, if none was, or --heal=table";

struct Publication {
  bool exists = false;
  bool has_outbox = false;  // by name, with its schema, or with all tables
  bool has_others = false;
  bool sends_inserts = false;
  bool sends_more = false;  // updates, deletes or truncates
  bool via_root = false;    // rows of partitions under the name of the whole table
  bool filters_rows = false;
  bool lacks_columns = false;  // of those that an event has something of
  bool outbox_is_partitioned = false;
  // See PublicationStateSql.
  std::string state;
};

// On any connection to the database, also one for replication.
absl::StatusOr<Publication> ReadPublication(PGconn* connection);

// Why it does not send all that is inserted into the outbox; nullopt: it does.
struct PublicationFault {
  std::string what;
  std::string fix;
};
std::optional<PublicationFault> FaultOf(const Publication& publication);

// An SQL expression of type text: stands for the publication, and for the way by which it has the
// table `outbox`. Other once somebody has altered it, be it that the table was taken out and put
// back since, or that nothing has come of it; before Postgres 15 only if the table was taken out,
// or it is not what it was. NULL if there is no publication.
std::string PublicationStateSql(int server_version);

// Stands for all that the publication sends, of any table: with another one the rows of a
// transaction may be others, or count differently.
absl::StatusOr<std::string> FingerprintPublication(PGconn* connection);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_
