// Calls that change something carry a request_id, by which a repeat is recognised (table requests).
#ifndef ORDER_SAGA_LIBS_REQUESTS_CLAIM_H_
#define ORDER_SAGA_LIBS_REQUESTS_CLAIM_H_

#include <google/protobuf/message.h>

#include "absl/status/statusor.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"

namespace requests {

// True: this method never saw this id, which is now claimed, if the transaction commits. False: the
// same request came before, and has been done; answer with the resource as it is now.
// ALREADY_EXISTS with ErrorInfo REQUEST_ID_REUSED: another request came with this id.
//
// Waits for a transaction that has claimed the id and is still open. Claim first, lock rows after.
//
// Ids are remembered for 7 days, each for its method: the name of the request's type without
// "Request". Two requests are the same if all their fields but request_id are.
absl::StatusOr<bool> Claim(postgres::Transaction& transaction, const uuid::Uuid& request_id,
                           const google::protobuf::Message& request);

}  // namespace requests

#endif  // ORDER_SAGA_LIBS_REQUESTS_CLAIM_H_
