/* file_burst: file operations at full speed by several writers; the names say what must have been seen.
 *
 * usage: file_burst MODE DIR FILES DIRS WRITERS
 *   prepare  makes DIR and DIR/d0000 ... and ends
 *   churn    each file: create d/f<w>_<i>, write, close, rename to d/g<w>_<i>, delete (4 operations)
 *   newdirs  each directory is made right before its first file, and the files stay (2 operations a file)
 *   distinct FILES creates of empty files; then other processes rename, delete and chmod a fifth each, so that
 *            no two operations can be merged by the kernel (fanotify merges by name and process): 1.6 x FILES
 * Prints one line of JSON.  Exit status 1 when an operation failed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH = 512, CONTENT = 512 };

struct load {
    const char *root;
    int files, dirs, writers;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int make(const char *path, size_t bytes) {
    static char content[CONTENT];
    memset(content, 'x', sizeof content);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    int short_write = bytes && write(fd, content, bytes) != (ssize_t)bytes;
    return close(fd) | short_write;
}

static void name(char *path, const struct load *l, int dir, char kind, int writer, int i) {
    snprintf(path, PATH, "%s/d%04d/%c%d_%d", l->root, dir, kind, writer, i);
}

static int churn(const struct load *l, int writer) {
    char path[PATH], renamed[PATH];
    for (int i = writer; i < l->files; i += l->writers) {
        name(path, l, i % l->dirs, 'f', writer, i);
        name(renamed, l, i % l->dirs, 'g', writer, i);
        if (make(path, CONTENT) | rename(path, renamed) | unlink(renamed))
            return 1;
    }
    return 0;
}

static int newdirs(const struct load *l, int writer) {
    char path[PATH];
    for (int i = writer; i < l->files; i += l->writers) {
        int dir = (int)((long)i * l->dirs / l->files);
        snprintf(path, PATH, "%s/d%04d", l->root, dir);
        mkdir(path, 0755);
        name(path, l, dir, 'f', writer, i);
        if (make(path, CONTENT))
            return 1;
    }
    return 0;
}

static int create(const struct load *l, int writer) {
    char path[PATH];
    for (int i = writer; i < l->files; i += l->writers) {
        name(path, l, i % l->dirs, 'f', writer, i);
        if (make(path, 0)) /* no blocks: removing 200,000 files must not take minutes */
            return 1;
    }
    return 0;
}

static int alter(const struct load *l, int writer) {
    char path[PATH], renamed[PATH];
    for (int i = writer; i < l->files; i += l->writers) {
        int kind = i / l->writers % 5, failed = 0;
        name(path, l, i % l->dirs, 'f', writer, i);
        name(renamed, l, i % l->dirs, 'g', writer, i);
        if (kind == 0)
            failed = rename(path, renamed);
        else if (kind == 1)
            failed = unlink(path);
        else if (kind == 2)
            failed = chmod(path, 0600);
        if (failed)
            return 1;
    }
    return 0;
}

static int each_writer(const struct load *l, int (*work)(const struct load *, int)) {
    int failed = 0, status;
    for (int k = 0; k < l->writers; k++)
        if (!fork())
            _exit(work(l, k));
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}

static void prepare(const struct load *l) {
    char path[PATH];
    mkdir(l->root, 0755);
    for (int i = 0; i < l->dirs; i++) {
        snprintf(path, PATH, "%s/d%04d", l->root, i);
        mkdir(path, 0755);
    }
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    const char *mode = argv[1];
    struct load l = {argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5])};
    int failed = 0, ops = 0;
    double began = now();
    if (!strcmp(mode, "prepare")) {
        prepare(&l);
    } else if (!strcmp(mode, "churn")) {
        ops = l.files * 4;
        failed = each_writer(&l, churn);
    } else if (!strcmp(mode, "newdirs")) {
        ops = l.files * 2;
        mkdir(l.root, 0755);
        failed = each_writer(&l, newdirs);
    } else if (!strcmp(mode, "distinct")) {
        ops = l.files / 5 * 8;
        failed = each_writer(&l, create) || each_writer(&l, alter);
    } else {
        return 2;
    }
    double secs = now() - began;
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec +
                 (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"mode\": \"%s\", \"files\": %d, \"operations\": %d, \"secs\": %.4f, \"per_sec\": %.0f, "
           "\"cpu_secs\": %.3f}\n",
           mode, l.files, ops, secs, ops / secs, cpu);
    return failed;
}
