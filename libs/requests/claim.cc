#include "libs/requests/claim.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/sha.h>

#include <memory>
#include <string>

#include "libs/service/errors.h"

namespace requests {
namespace {

using google::protobuf::Message;

// Of fields that this program knows, in one form for one meaning.
std::string HashOf(const Message& request) {
  std::unique_ptr<Message> copy(request.New());
  copy->CopyFrom(request);
  copy->DiscardUnknownFields();
  const auto* request_id = copy->GetDescriptor()->FindFieldByName("request_id");
  if (request_id != nullptr) copy->GetReflection()->ClearField(copy.get(), request_id);

  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy->SerializePartialToCodedStream(&coded);
  }
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string MethodOf(const Message& request) {
  std::string name = request.GetDescriptor()->full_name();
  constexpr std::string_view kEnding = "Request";
  if (name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
  return name;
}

// A few at a time, so that no call pays for many. What somebody else is deleting is left to him.
absl::Status ForgetExpired(postgres::Transaction& transaction) {
  return transaction
      .Execute(
          "DELETE FROM requests WHERE (method, request_id) IN ("
          "SELECT method, request_id FROM requests "
          "WHERE created_at < clock_timestamp() - interval '7 days' "
          "ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED)")
      .status();
}

}  // namespace

absl::StatusOr<bool> Claim(postgres::Transaction& transaction, const uuid::Uuid& request_id,
                           const Message& request) {
  const std::string method = MethodOf(request);
  const std::string hash = HashOf(request);
  auto claimed = transaction.Execute(
      "INSERT INTO requests (method, request_id, hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      postgres::Params().Text(method).Id(request_id).Bytes(hash));
  if (!claimed.ok()) return claimed.status();
  if (claimed->affected() == 1) {
    if (absl::Status forgot = ForgetExpired(transaction); !forgot.ok()) return forgot;
    return true;
  }
  // A statement of its own: the one before does not see the row it met.
  auto found =
      transaction.Execute("SELECT hash FROM requests WHERE method = $1 AND request_id = $2",
                          postgres::Params().Text(method).Id(request_id));
  if (!found.ok()) return found.status();
  if (found->rows() == 0) return absl::AbortedError("a request_id expired just now");
  if (found->Text(0, 0) == hash) return false;
  return service::Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                        "this request_id came before with another request; use a new one",
                        {{"method", method}, {"request_id", uuid::ToString(request_id)}});
}

}  // namespace requests
