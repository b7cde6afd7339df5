/* Checks for calls with arguments that must be refused, or must do no harm. */
#ifndef REFUSED_H
#define REFUSED_H

#include "check.h"

static etcd_error *error;

/* A call which is refused and whose error object, taken from the variable `error`, names the parameter. */
#define REFUSED(parameter, call) check_refused((call), (parameter), __LINE__, #call)

static inline void check_refused(etcd_status status, const char *parameter, int line, const char *call)
{
    const char *message = etcd_error_message(error);
    int ok = status == ETCD_ERR_INVALID_ARGUMENT && etcd_error_status(error) == status && message != NULL && strstr(message, parameter) != NULL &&
             etcd_error_outcome(error) == ETCD_NOT_APPLIED;
    if (!check_line(ok, __FILE__, line, "%s: ETCD_ERR_INVALID_ARGUMENT", call))
        printf("# got %s: %s\n", etcd_status_name(status), message == NULL ? "no message" : message);
    etcd_error_free(error);
    error = NULL;
}

/* A call which is refused and has no error object. */
#define INVALID(call) CHECK((call) == ETCD_ERR_INVALID_ARGUMENT, "%s: ETCD_ERR_INVALID_ARGUMENT", #call)

/* A call that must succeed. */
#define FINE(call) CHECK_STATUS(ETCD_OK, (call), &error, #call)

/* A call that answers harmlessly. */
#define HARMLESS(condition) CHECK((condition), "%s", #condition)

#endif
