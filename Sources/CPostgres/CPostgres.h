// The C interface of PostgreSQL's client library, for Sources/PostgresStorage.
#include <libpq-fe.h>
