// The publication that a stream is of. What it leaves out comes in no stream, and nobody is told:
// so whatever changes it is noticed.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_

#include <libpq-fe.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

// An SQL expression of type text: stands for the publication, and for the way by which it has the
// table `outbox`. Other once somebody has taken the table out (even if it was put back since), or
// has changed what is published of it. NULL if there is no such publication.
std::string PublicationStateSql(const std::string& publication, int server_version);

// On a replication connection; what PublicationStateSql says. FailedPrecondition, with the fix:
// there is no such publication, or it does not send all that is inserted into the outbox.
absl::StatusOr<std::string> CheckPublication(PGconn* connection, const std::string& publication);

// Stands for all that the publication sends, of any table: with another one the rows of a
// transaction may be others, or count differently.
absl::StatusOr<std::string> FingerprintPublication(PGconn* connection,
                                                   const std::string& publication);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_PUBLICATION_H_
