#include "libs/postgres/params.h"

#include "libs/postgres/wire.h"

namespace postgres {

void Params::Append(Oid type, std::string_view bytes) {
  types_.push_back(type);
  lengths_.push_back(static_cast<int>(bytes.size()));
  offsets_.push_back(buffer_.size());
  buffer_.append(bytes.data(), bytes.size());
}

void Params::AppendNull(Oid type) {
  types_.push_back(type);
  lengths_.push_back(0);
  offsets_.push_back(kNull);
}

// Layout: array_recv in the server's arrayfuncs.c: dimensions, has-null flag, element type, then
// for each dimension its size and lower bound, then for each element its length and bytes.
template <typename T, typename Encode>
Params& Params::AppendArray(Oid array_type, Oid element_type, absl::Span<const T> values,
                            Encode encode) {
  std::string out;
  out.reserve(20 + values.size() * 12);
  wire::PutInt32(out, values.empty() ? 0 : 1);
  wire::PutInt32(out, 1);
  wire::PutInt32(out, static_cast<int32_t>(element_type));
  if (!values.empty()) {
    wire::PutInt32(out, static_cast<int32_t>(values.size()));
    wire::PutInt32(out, 1);
  }
  for (const T& value : values) encode(out, value);
  Append(array_type, out);
  return *this;
}

namespace {

void PutElement(std::string& out, std::string_view bytes) {
  wire::PutInt32(out, static_cast<int32_t>(bytes.size()));
  out.append(bytes.data(), bytes.size());
}

void PutElement(std::string& out, const std::optional<std::string>& bytes) {
  if (bytes.has_value()) {
    PutElement(out, std::string_view(*bytes));
  } else {
    wire::PutInt32(out, -1);
  }
}

}  // namespace

Params& Params::Bool(bool value) {
  Append(wire::kBool, std::string_view(value ? "\1" : "\0", 1));
  return *this;
}

Params& Params::Int64(int64_t value) {
  std::string out;
  wire::PutInt64(out, value);
  Append(wire::kInt8, out);
  return *this;
}

Params& Params::Text(std::string_view value) {
  Append(wire::kText, value);
  return *this;
}

Params& Params::NullableText(const std::optional<std::string>& value) {
  if (value.has_value()) return Text(*value);
  AppendNull(wire::kText);
  return *this;
}

Params& Params::Bytes(std::string_view value) {
  Append(wire::kBytea, value);
  return *this;
}

Params& Params::Id(const uuid::Uuid& value) {
  Append(wire::kUuid, value.view());
  return *this;
}

Params& Params::Bools(absl::Span<const bool> values) {
  return AppendArray(wire::kBoolArray, wire::kBool, values, [](std::string& out, bool value) {
    PutElement(out, std::string_view(value ? "\1" : "\0", 1));
  });
}

Params& Params::Int64s(absl::Span<const int64_t> values) {
  return AppendArray(wire::kInt8Array, wire::kInt8, values, [](std::string& out, int64_t value) {
    wire::PutInt32(out, 8);
    wire::PutInt64(out, value);
  });
}

Params& Params::Texts(absl::Span<const std::string> values) {
  return AppendArray(wire::kTextArray, wire::kText, values,
                     [](std::string& out, std::string_view value) { PutElement(out, value); });
}

Params& Params::NullableTexts(absl::Span<const std::optional<std::string>> values) {
  return AppendArray(wire::kTextArray, wire::kText, values,
                     [](std::string& out, const auto& value) { PutElement(out, value); });
}

Params& Params::NullableBytes(absl::Span<const std::optional<std::string>> values) {
  return AppendArray(wire::kByteaArray, wire::kBytea, values,
                     [](std::string& out, const auto& value) { PutElement(out, value); });
}

Params& Params::Ids(absl::Span<const uuid::Uuid> values) {
  return AppendArray(
      wire::kUuidArray, wire::kUuid, values,
      [](std::string& out, const uuid::Uuid& value) { PutElement(out, value.view()); });
}

std::vector<const char*> Params::values() const {
  std::vector<const char*> pointers;
  pointers.reserve(offsets_.size());
  for (size_t offset : offsets_) {
    pointers.push_back(offset == kNull ? nullptr : buffer_.data() + offset);
  }
  return pointers;
}

}  // namespace postgres
