/* Preloaded: the wall clock goes JETON_TEST_PAST seconds slow, so that what is issued now has long
 * been expired for a server that starts without it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    const char *past = getenv("JETON_TEST_PAST");
    if (!failed && past && clock == CLOCK_REALTIME) now->tv_sec -= atol(past);
    return failed;
}
