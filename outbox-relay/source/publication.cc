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

bool HasSchemas(int server_version) { return server_version >= 150000; }

// p: the publication; r, n: by which it has the outbox, if it names the table or its schema.
std::string FromPublication(const std::string& publication, int server_version) {
  return absl::StrCat(
      " FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = "
      "to_regclass('outbox') ",
      HasSchemas(server_version)
          ? "LEFT JOIN pg_publication_namespace n ON n.pnpubid = p.oid AND n.pnnspid = (SELECT "
            "relnamespace FROM pg_class WHERE oid = to_regclass('outbox')) "
          : "",
      "WHERE p.pubname = ", postgres::QuoteLiteral(publication));
}

absl::Status CannotStream(const std::string& publication, const std::string& what,
                          const std::string& fix) {
  return absl::FailedPreconditionError(
      absl::StrCat("the publication ", publication, " ", what, ". Fix, as its owner: ", fix));
}

}  // namespace

std::string PublicationStateSql(const std::string& publication, int server_version) {
  // On 14 making a partition alters the publication without changing it (0003_attach.sql), so that
  // its row's version says nothing.
  return absl::StrCat(
      "(SELECT concat_ws(' ', p.oid, p.puballtables, p.pubinsert, p.pubviaroot, "
      "r.oid",
      HasSchemas(server_version) ? ", n.oid, p.xmin, r.xmin" : "", ")",
      FromPublication(publication, server_version), ")");
}

absl::StatusOr<std::string> CheckPublication(PGconn* connection, const std::string& publication) {
  const int version = PQserverVersion(connection);
  const bool schemas = HasSchemas(version);
  // Of an outbox that the role does not see by its bare name it is only asked whether the
  // publication has any table.
  Result row(PQexec(
      connection,
      absl::StrCat(
          "SELECT p.pubinsert, p.puballtables OR r.oid IS NOT NULL ",
          schemas ? "OR n.oid IS NOT NULL " : "",
          "OR (to_regclass('outbox') IS NULL AND (EXISTS (SELECT FROM pg_publication_rel WHERE "
          "prpubid = p.oid) ",
          schemas ? "OR EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = p.oid)" : "",
          ")), ", schemas ? "r.prqual IS NOT NULL" : "false", ", ",
          PublicationStateSql(publication, version), FromPublication(publication, version))
          .c_str()));
  if (!row.ok()) return ErrorFrom(connection, row.raw(), "reading the publication");
  if (row.rows() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no publication ", publication,
        ". Fix: run the `migrate` verb of the service that owns the database, or `outbox-relay "
        "setup`, or as the outbox's owner: CREATE PUBLICATION ",
        publication,
        " FOR TABLE outbox WITH (publish = 'insert', publish_via_partition_root = true); the slot "
        "must be made after it"));
  }
  if (row.Text(0, 1) != "t") {
    return CannotStream(publication, "does not have the table outbox",
                        absl::StrCat("ALTER PUBLICATION ", publication, " ADD TABLE outbox"));
  }
  if (row.Text(0, 0) != "t") {
    return CannotStream(
        publication, "does not publish inserts",
        absl::StrCat("ALTER PUBLICATION ", publication, " SET (publish = 'insert')"));
  }
  if (row.Text(0, 2) == "t") {
    return CannotStream(publication,
                        "has a row filter: what that leaves out would be skipped in silence",
                        absl::StrCat("ALTER PUBLICATION ", publication, " SET TABLE outbox"));
  }
  return std::string(row.Text(0, 3));
}

absl::StatusOr<std::string> FingerprintPublication(PGconn* connection,
                                                   const std::string& publication) {
  const auto rows_of = [](const char* table, const char* column) {
    return absl::StrCat(", (SELECT string_agg(t::text, E'\\n' ORDER BY t.oid) FROM ", table,
                        " t WHERE t.", column, " = p.oid)");
  };
  Result row(PQexec(
      connection,
      absl::StrCat(
          "SELECT md5(concat_ws(' ', p::text", rows_of("pg_publication_rel", "prpubid"),
          HasSchemas(PQserverVersion(connection)) ? rows_of("pg_publication_namespace", "pnpubid")
                                                  : "",
          ")) FROM pg_publication p WHERE p.pubname = ", postgres::QuoteLiteral(publication))
          .c_str()));
  if (!row.ok() || row.rows() != 1) {
    return ErrorFrom(connection, row.raw(), "reading the publication");
  }
  return std::string(row.Text(0, 0));
}

}  // namespace relay
