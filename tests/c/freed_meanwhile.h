/* For programs that free an object while a call with it waits in another thread, which is allowed once the call has begun. The thread
 * sanitizer cannot know that it has begun: the program knows it from the server, and between two ends of a connection the
 * sanitizer sees no order. Use after free is what the address sanitizer is for. */
#ifndef FREED_MEANWHILE_H
#define FREED_MEANWHILE_H

const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:^etcd_client_free$\nrace:^etcd_context_free$\nrace:^etcd_watcher_free$\n";
}

#endif
