#include "outbox-relay/source/publication.h"

#include "absl/strings/str_cat.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"

// Nothing here reads the view pg_publication_tables: from Postgres 16 on it opens the tables, and
// the server process of a replication connection would then decode what was written before an ALTER
// TABLE with the columns of now.

namespace relay {
namespace {

using postgres::ErrorFrom;
using postgres::Result;

// Publications of schemas, row filters and column lists.
bool IsSince15(int server_version) { return server_version >= 150000; }

// p: the publication; r, n: by which it has the outbox, if it names the table or its schema.
std::string FromPublication(int server_version) {
  return absl::StrCat(
      " FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = "
      "to_regclass('outbox') ",
      IsSince15(server_version)
          ? "LEFT JOIN pg_publication_namespace n ON n.pnpubid = p.oid AND n.pnnspid = (SELECT "
            "relnamespace FROM pg_class WHERE oid = to_regclass('outbox')) "
          : "",
      "WHERE p.pubname = ", postgres::QuoteLiteral(kPublication));
}

constexpr char kAnyTable[] =
    "EXISTS (SELECT FROM pg_publication_rel o WHERE o.prpubid = p.oid AND o.prrelid IS DISTINCT "
    "FROM to_regclass('outbox'))";
constexpr char kAnySchema[] =
    "EXISTS (SELECT FROM pg_publication_namespace o WHERE o.pnpubid = p.oid)";

// Those of the outbox that an event has something of (outbox_table.cc).
constexpr char kLacksColumns[] =
    "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.prrelid AND NOT a.attisdropped AND "
    "a.attname IN ('id', 'aggregateid', 'type', 'topic', 'payload', 'traceparent', 'headers', "
    "'created_at') AND a.attnum <> ALL (r.prattrs))";

std::string PublicationSql(int server_version) {
  const bool since_15 = IsSince15(server_version);
  const std::string others = absl::StrCat("p.puballtables OR ", kAnyTable, since_15 ? " OR " : "",
                                          since_15 ? kAnySchema : "");
  // Of an outbox that the role does not see by its bare name it is only asked whether the
  // publication has any table.
  return absl::StrCat(
      "SELECT p.puballtables OR r.oid IS NOT NULL ", since_15 ? "OR n.oid IS NOT NULL " : "",
      "OR (to_regclass('outbox') IS NULL AND (", others, ")), ", others,
      ", p.pubinsert, p.pubupdate OR p.pubdelete OR p.pubtruncate, p.pubviaroot, ",
      since_15 ? absl::StrCat("r.prqual IS NOT NULL, ", kLacksColumns) : "false, false",
      ", coalesce((SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('outbox')), false), ",
      PublicationStateSql(server_version), FromPublication(server_version));
}

}  // namespace

std::string PublicationStateSql(int server_version) {
  // On 14 making a partition alters the publication without changing it (0003_attach.sql), so that
  // its row's version says nothing.
  return absl::StrCat(
      "(SELECT concat_ws(' ', p.oid, p.puballtables, p.pubinsert, p.pubviaroot, "
      "r.oid",
      IsSince15(server_version) ? ", n.oid, p.xmin, r.xmin" : "", ")",
      FromPublication(server_version), ")");
}

absl::StatusOr<Publication> ReadPublication(PGconn* connection) {
  Result row(PQexec(connection, PublicationSql(PQserverVersion(connection)).c_str()));
  if (!row.ok()) return ErrorFrom(connection, row.raw(), "reading the publication");
  if (row.rows() == 0) return Publication();
  const auto is = [&](int column) { return row.Text(0, column) == "t"; };
  return Publication{.exists = true,
                     .has_outbox = is(0),
                     .has_others = is(1),
                     .sends_inserts = is(2),
                     .sends_more = is(3),
                     .via_root = is(4),
                     .filters_rows = is(5),
                     .lacks_columns = is(6),
                     .outbox_is_partitioned = is(7),
                     .state = std::string(row.Text(0, 8))};
}

std::optional<PublicationFault> FaultOf(const Publication& publication) {
  using Fault = PublicationFault;
  if (!publication.exists) {
    return Fault{"there is no publication outbox",
                 "run the `migrate` verb of the service that owns the database, or `outbox-relay "
                 "setup`, or as the outbox's owner: CREATE PUBLICATION outbox FOR TABLE outbox "
                 "WITH (publish = 'insert', publish_via_partition_root = true); the slot must be "
                 "made after it"};
  }
  if (!publication.has_outbox) {
    return Fault{
        "the publication outbox does not have the table outbox",
        absl::StrCat("as its owner: ALTER PUBLICATION outbox ADD TABLE outbox", kAfterAltering)};
  }
  if (!publication.sends_inserts) {
    return Fault{"the publication outbox does not publish inserts",
                 absl::StrCat("as its owner: ALTER PUBLICATION outbox SET (publish = 'insert')",
                              kAfterAltering)};
  }
  if (publication.filters_rows) {
    return Fault{
        "the publication outbox has a row filter: what that leaves out would be skipped in silence",
        absl::StrCat("as its owner: ALTER PUBLICATION outbox SET TABLE outbox", kAfterAltering)};
  }
  if (publication.lacks_columns) {
    return Fault{
        "the publication outbox has a list of columns that lacks some of an event's",
        absl::StrCat("as its owner: ALTER PUBLICATION outbox SET TABLE outbox", kAfterAltering)};
  }
  return std::nullopt;
}

absl::StatusOr<std::string> FingerprintPublication(PGconn* connection) {
  const auto rows_of = [](const char* table, const char* column) {
    return absl::StrCat(", (SELECT string_agg(t::text, E'\\n' ORDER BY t.oid) FROM ", table,
                        " t WHERE t.", column, " = p.oid)");
  };
  Result row(PQexec(
      connection,
      absl::StrCat(
          "SELECT md5(concat_ws(' ', p::text", rows_of("pg_publication_rel", "prpubid"),
          IsSince15(PQserverVersion(connection)) ? rows_of("pg_publication_namespace", "pnpubid")
                                                 : "",
          ")) FROM pg_publication p WHERE p.pubname = ", postgres::QuoteLiteral(kPublication))
          .c_str()));
  if (!row.ok() || row.rows() != 1) {
    return ErrorFrom(connection, row.raw(), "reading the publication");
  }
  return std::string(row.Text(0, 0));
}

}  // namespace relay
