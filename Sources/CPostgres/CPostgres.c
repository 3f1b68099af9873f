#include "CPostgres.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

// Every function of libpq that is called, as FUNCTION(result, name, parameters, arguments).
#define LIBPQ(FUNCTION) \
    FUNCTION(void, PQclear, (PGresult * result), (result)) \
    FUNCTION(char *, PQcmdStatus, (PGresult * result), (result)) \
    FUNCTION(char *, PQcmdTuples, (PGresult * result), (result)) \
    FUNCTION(PGconn *, PQconnectdbParams, (const char *const *keywords, const char *const *values, int expand), \
             (keywords, values, expand)) \
    FUNCTION(void, PQconninfoFree, (PQconninfoOption * options), (options)) \
    FUNCTION(PQconninfoOption *, PQconninfoParse, (const char *uri, char **failure), (uri, failure)) \
    FUNCTION(int, PQconsumeInput, (PGconn * connection), (connection)) \
    FUNCTION(int, PQenterPipelineMode, (PGconn * connection), (connection)) \
    FUNCTION(char *, PQerrorMessage, (const PGconn *connection), (connection)) \
    FUNCTION(int, PQexitPipelineMode, (PGconn * connection), (connection)) \
    FUNCTION(void, PQfinish, (PGconn * connection), (connection)) \
    FUNCTION(int, PQflush, (PGconn * connection), (connection)) \
    FUNCTION(int, PQfnumber, (const PGresult *result, const char *name), (result, name)) \
    FUNCTION(void, PQfreemem, (void *memory), (memory)) \
    FUNCTION(int, PQgetisnull, (const PGresult *result, int row, int column), (result, row, column)) \
    FUNCTION(int, PQgetlength, (const PGresult *result, int row, int column), (result, row, column)) \
    FUNCTION(PGresult *, PQgetResult, (PGconn * connection), (connection)) \
    FUNCTION(char *, PQgetvalue, (const PGresult *result, int row, int column), (result, row, column)) \
    FUNCTION(int, PQisBusy, (PGconn * connection), (connection)) \
    FUNCTION(int, PQntuples, (const PGresult *result), (result)) \
    FUNCTION(int, PQpipelineSync, (PGconn * connection), (connection)) \
    FUNCTION(char *, PQresultErrorField, (const PGresult *result, int field), (result, field)) \
    FUNCTION(ExecStatusType, PQresultStatus, (const PGresult *result), (result)) \
    FUNCTION(int, PQsendPrepare, \
             (PGconn * connection, const char *name, const char *sql, int count, const Oid *types), \
             (connection, name, sql, count, types)) \
    FUNCTION(int, PQsendQueryPrepared, \
             (PGconn * connection, const char *name, int count, const char *const *values, const int *lengths, \
              const int *formats, int result), \
             (connection, name, count, values, lengths, formats, result)) \
    FUNCTION(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn * connection, PQnoticeReceiver receiver, void *context), \
             (connection, receiver, context)) \
    FUNCTION(int, PQsetnonblocking, (PGconn * connection, int is_nonblocking), (connection, is_nonblocking)) \
    FUNCTION(int, PQsocket, (const PGconn *connection), (connection)) \
    FUNCTION(ConnStatusType, PQstatus, (const PGconn *connection), (connection))

// libpq's own, where it was found.
static struct {
#define MEMBER(result, name, parameters, arguments) __typeof__(name) *name;
    LIBPQ(MEMBER)
} library;

// Under libpq's names, by its header's types: the compiler compares them.
#define FORWARD(result, name, parameters, arguments) \
    result name parameters { return library.name arguments; }
LIBPQ(FORWARD)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *handle = NULL;

static const char *find_functions(void *found) {
#define FIND(result, name, parameters, arguments) \
    if ((library.name = (__typeof__(library.name))dlsym(found, #name)) == NULL) return dlerror();
    LIBPQ(FIND)
    return NULL;
}

const char *jobsworth_load_libpq(void) {
    const char *failure = NULL;
    pthread_mutex_lock(&lock);
    if (handle == NULL) {
        void *found = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
        failure = found == NULL ? dlerror() : find_functions(found);
        if (failure == NULL) handle = found;
    }
    pthread_mutex_unlock(&lock);
    return failure;
}
