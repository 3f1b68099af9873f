#ifndef CPOSTGRES_H
#define CPOSTGRES_H

// The C interface of PostgreSQL's client library; Debian keeps it in a folder of its own.
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

/// Loads libpq, with what it brings (TLS, Kerberos, LDAP: 5 MB), when PostgreSQL is first meant: who stores in SQLite
/// has none of it in the process. Before it has returned NULL once, none of libpq's functions may be called.
///
/// Returns NULL where libpq is there, else what the loader says, good until the thread's next call. Any thread may call it.
const char *jobsworth_load_libpq(void);

#endif
