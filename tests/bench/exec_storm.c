/* exec_storm: short-lived processes at full speed, each with an argument of its own.
 *
 * usage: exec_storm COUNT [WORKERS=2] [PROGRAM=/bin/true] [PREFIX=storm]
 * Worker k spawns PROGRAM with the one argument PREFIX<i> for i = k, k + WORKERS, ... and waits for each.
 * With PROGRAM=/usr/bin/touch every process makes one file in the working directory.
 * Prints one line of JSON.  Exit status 1 when a process could not be spawned.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int storm(int first, int count, int step, char *program, const char *prefix) {
    for (int i = first; i < count; i += step) {
        char word[64];
        char *argv[] = {program, word, 0};
        pid_t child;
        snprintf(word, sizeof word, "%s%d", prefix, i);
        if (posix_spawn(&child, program, 0, 0, argv, environ))
            return 1;
        waitpid(child, 0, 0);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    int count = atoi(argv[1]), workers = argc > 2 ? atoi(argv[2]) : 2, failed = 0, status;
    char *program = argc > 3 ? argv[3] : "/bin/true";
    const char *prefix = argc > 4 ? argv[4] : "storm";
    double began = now();
    for (int k = 0; k < workers; k++)
        if (!fork())
            _exit(storm(k, count, workers, program, prefix));
    while (wait(&status) > 0)
        failed |= status != 0;
    double secs = now() - began;
    printf("{\"processes\": %d, \"workers\": %d, \"secs\": %.4f, \"per_sec\": %.0f}\n", count, workers,
           secs, count / secs);
    return failed;
}
