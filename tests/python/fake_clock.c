/* A process that loads this sees the wall clock stand still at the second in FAKE_UNIX_S, while that is set. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    const char *fake = clock == CLOCK_REALTIME ? getenv("FAKE_UNIX_S") : NULL;
    if (fake == NULL) return (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec = (time_t)atoll(fake);
    now->tv_nsec = 0;
    return 0;
}
