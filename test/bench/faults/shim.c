/*
 * Loaded into a process with LD_PRELOAD: writes down each file-system call below one folder, or makes one of them fail.
 *
 *   FAULTS_FOLDER  only calls on paths below it are looked at
 *   FAULTS_LOG     a file that gets "program<TAB>call<TAB>name" per call; the name is relative, digits and random parts are '#'
 *   FAULTS_POINT   such a line: the call that fails
 *   FAULTS_NTH     which of those calls, from 1, counted over all processes
 *   FAULTS_ERRNO   how it fails; -1: it writes half of what it should, and says so
 *   FAULTS_COUNT   a file of one byte per counted call
 *
 * strace can inject errors, too, but counts them per thread (Node works with several), and knows paths only letter by letter.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE 4096
#define HALF -1

static const char *folder, *journal, *point, *counter;
static long wanted, fails_with;
static size_t folder_length;
static char program[64];
static int armed;

static long (*raw)(long, ...);

__attribute__((constructor)) static void arm(void) {
  folder = getenv("FAULTS_FOLDER");
  journal = getenv("FAULTS_LOG");
  point = getenv("FAULTS_POINT");
  counter = getenv("FAULTS_COUNT");
  wanted = atol(getenv("FAULTS_NTH") ? getenv("FAULTS_NTH") : "1");
  fails_with = atol(getenv("FAULTS_ERRNO") ? getenv("FAULTS_ERRNO") : "5");
  snprintf(program, sizeof program, "%s", program_invocation_short_name);
  raw = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  folder_length = folder ? strlen(folder) : 0;
  armed = folder_length > 0;
}

static int is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Ids, pids and the six letters of mkdtemp differ in each run. */
static void plain_name(const char *from, char *to, size_t room) {
  size_t used = 0;
  while (*from != 0 && used + 2 < room) {
    size_t length = 0, digits = 0, capitals = 0;
    while (is_word(from[length])) {
      digits += from[length] >= '0' && from[length] <= '9';
      capitals += from[length] >= 'A' && from[length] <= 'Z';
      length += 1;
    }
    if (digits > 0 || (length == 6 && capitals > 0)) to[used++] = '#';
    else for (size_t at = 0; at < length && used + 2 < room; at += 1) to[used++] = from[at];
    from += length;
    if (*from != 0 && !is_word(*from)) to[used++] = *from >= ' ' && *from < 127 ? *from : '?', from += 1;
  }
  to[used] = 0;
}

static void append(const char *file, const char *text, size_t length) {
  int fd = raw(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return;
  raw(SYS_write, fd, text, length);
  raw(SYS_close, fd);
}

/* How many calls of the wanted kind there were with this one. */
static long count_call(void) {
  int fd = raw(SYS_openat, AT_FDCWD, counter, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return 0;
  raw(SYS_write, fd, ".", 1L);
  long here = raw(SYS_lseek, fd, 0L, SEEK_CUR);
  raw(SYS_close, fd);
  return here;
}

static int path_of(int fd, char *to, size_t room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = raw(SYS_readlinkat, AT_FDCWD, link, to, room - 1);
  if (length <= 0) return 0;
  to[length] = 0;
  return 1;
}

static int below(const char *path) {
  return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/' &&
         strncmp(path + folder_length, "/potctl-pg-", 11) != 0;
}

/* The errno with which this call shall fail, 0 for none. `path` is relative to `fd`, or empty for `fd` itself. */
static long fault(const char *call, int fd, const char *path) {
  if (!armed) return 0;
  int before = errno;
  char whole[LINE * 2], name[LINE], line[LINE + 256];
  if (path != NULL && path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else if (fd == AT_FDCWD) { if (getcwd(whole, LINE) == NULL) whole[0] = 0; }
  else if (!path_of(fd, whole, LINE)) whole[0] = 0;
  if (path != NULL && path[0] != '/' && path[0] != 0) {
    size_t end = strlen(whole);
    snprintf(whole + end, sizeof whole - end, "/%s", path);
  }
  errno = before;
  if (!below(whole)) return 0;
  plain_name(whole + folder_length + 1, name, sizeof name);
  int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", program, call, name);
  if (journal != NULL) append(journal, line, length);
  line[length - 1] = 0;
  long result = point != NULL && strcmp(line, point) == 0 && count_call() == wanted ? fails_with : 0;
  errno = before;
  return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_OR(call, fd, path, failed)                \
  do {                                                 \
    long found = fault(call, fd, path);                \
    if (found > 0) { errno = found; return failed; }   \
  } while (0)

#define ON_PATH(type, name, call, params, args, fd, path) \
  type name params { FAIL_OR(call, fd, path, -1); return REAL(name) args; }
#define ON_FD(type, name, call, params, args) \
  type name params { FAIL_OR(call, fd, "", -1); return REAL(name) args; }
#define WRITES(name, call, params, all, half)                        \
  ssize_t name params {                                              \
    long found = fault(call, fd, "");                                \
    if (found > 0) { errno = found; return -1; }                     \
    return found == HALF && n > 1 ? REAL(name) half : REAL(name) all; \
  }
#define OPENS(name)                                                     \
  int name(const char *path, int flags, ...) {                          \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    FAIL_OR(flags & O_CREAT ? "create" : "open", AT_FDCWD, path, -1);    \
    return REAL(name)(path, flags, mode);                               \
  }
#define OPENS_AT(name)                                                  \
  int name(int fd, const char *path, int flags, ...) {                  \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    FAIL_OR(flags & O_CREAT ? "create" : "open", fd, path, -1);          \
    return REAL(name)(fd, path, flags, mode);                           \
  }

OPENS(open) OPENS(open64) OPENS_AT(openat) OPENS_AT(openat64)
ON_PATH(int, mkdir, "mkdir", (const char *p, mode_t m), (p, m), AT_FDCWD, p)
ON_PATH(int, mkdirat, "mkdir", (int d, const char *p, mode_t m), (d, p, m), d, p)
ON_PATH(int, rmdir, "rmdir", (const char *p), (p), AT_FDCWD, p)
ON_PATH(int, unlink, "unlink", (const char *p), (p), AT_FDCWD, p)
ON_PATH(int, unlinkat, "unlink", (int d, const char *p, int f), (d, p, f), d, p)
ON_PATH(int, rename, "rename", (const char *p, const char *q), (p, q), AT_FDCWD, p)
ON_PATH(int, renameat, "rename", (int d, const char *p, int e, const char *q), (d, p, e, q), d, p)
ON_PATH(int, link, "link", (const char *p, const char *q), (p, q), AT_FDCWD, q)
ON_PATH(int, linkat, "link", (int d, const char *p, int e, const char *q, int f), (d, p, e, q, f), e, q)
ON_PATH(int, symlink, "symlink", (const char *t, const char *p), (t, p), AT_FDCWD, p)
ON_PATH(int, symlinkat, "symlink", (const char *t, int d, const char *p), (t, d, p), d, p)
ON_PATH(ssize_t, readlink, "readlink", (const char *p, char *b, size_t n), (p, b, n), AT_FDCWD, p)
ON_PATH(ssize_t, readlinkat, "readlink", (int d, const char *p, char *b, size_t n), (d, p, b, n), d, p)
ON_PATH(int, chmod, "chmod", (const char *p, mode_t m), (p, m), AT_FDCWD, p)
ON_PATH(int, fchmodat, "chmod", (int d, const char *p, mode_t m, int f), (d, p, m, f), d, p)
ON_PATH(int, chown, "chown", (const char *p, uid_t u, gid_t g), (p, u, g), AT_FDCWD, p)
ON_PATH(int, lchown, "chown", (const char *p, uid_t u, gid_t g), (p, u, g), AT_FDCWD, p)
ON_PATH(int, fchownat, "chown", (int d, const char *p, uid_t u, gid_t g, int f), (d, p, u, g, f), d, p)
ON_PATH(int, utimensat, "utimens", (int d, const char *p, const struct timespec t[2], int f), (d, p, t, f), d, p)
ON_PATH(int, access, "access", (const char *p, int m), (p, m), AT_FDCWD, p)
ON_PATH(int, statfs, "statfs", (const char *p, struct statfs *s), (p, s), AT_FDCWD, p)
ON_PATH(int, statfs64, "statfs", (const char *p, struct statfs64 *s), (p, s), AT_FDCWD, p)
ON_PATH(int, stat, "stat", (const char *p, struct stat *s), (p, s), AT_FDCWD, p)
ON_PATH(int, stat64, "stat", (const char *p, struct stat64 *s), (p, s), AT_FDCWD, p)
ON_PATH(int, lstat, "stat", (const char *p, struct stat *s), (p, s), AT_FDCWD, p)
ON_PATH(int, lstat64, "stat", (const char *p, struct stat64 *s), (p, s), AT_FDCWD, p)
ON_PATH(int, fstatat, "stat", (int d, const char *p, struct stat *s, int f), (d, p, s, f), d, p)
ON_PATH(int, fstatat64, "stat", (int d, const char *p, struct stat64 *s, int f), (d, p, s, f), d, p)
ON_FD(int, fstat, "fstat", (int fd, struct stat *s), (fd, s))
ON_FD(int, fstat64, "fstat", (int fd, struct stat64 *s), (fd, s))
ON_FD(int, fsync, "fsync", (int fd), (fd))
ON_FD(int, fdatasync, "fsync", (int fd), (fd))
ON_FD(int, syncfs, "syncfs", (int fd), (fd))
ON_FD(int, fchmod, "chmod", (int fd, mode_t m), (fd, m))
ON_FD(int, fchown, "chown", (int fd, uid_t u, gid_t g), (fd, u, g))
ON_FD(int, futimens, "utimens", (int fd, const struct timespec t[2]), (fd, t))
ON_FD(int, ftruncate, "truncate", (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, "truncate", (int fd, off64_t n), (fd, n))
ON_FD(ssize_t, read, "read", (int fd, void *b, size_t n), (fd, b, n))
ON_FD(ssize_t, pread, "read", (int fd, void *b, size_t n, off_t o), (fd, b, n, o))
ON_FD(ssize_t, pread64, "read", (int fd, void *b, size_t n, off64_t o), (fd, b, n, o))
ON_FD(ssize_t, readv, "read", (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FD(ssize_t, preadv64, "read", (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o))
WRITES(write, "write", (int fd, const void *b, size_t n), (fd, b, n), (fd, b, n / 2))
WRITES(pwrite, "write", (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), (fd, b, n / 2, o))
WRITES(pwrite64, "write", (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), (fd, b, n / 2, o))
WRITES(writev, "write", (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, n / 2))
WRITES(pwritev64, "write", (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o), (fd, v, n / 2, o))

/* The descriptor is gone also where close fails. */
int close(int fd) {
  long found = fault("close", fd, "");
  int result = REAL(close)(fd);
  if (found > 0) { errno = found; return -1; }
  return result;
}

char *mkdtemp(char *pattern) {
  FAIL_OR("mkdir", AT_FDCWD, pattern, NULL);
  return REAL(mkdtemp)(pattern);
}

char *realpath(const char *path, char *to) {
  FAIL_OR("realpath", AT_FDCWD, path, NULL);
  return REAL(realpath)(path, to);
}

FILE *fopen(const char *path, const char *mode) {
  FAIL_OR(mode[0] == 'r' ? "open" : "create", AT_FDCWD, path, NULL);
  return REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  FAIL_OR(mode[0] == 'r' ? "open" : "create", AT_FDCWD, path, NULL);
  return REAL(fopen64)(path, mode);
}

DIR *opendir(const char *path) {
  FAIL_OR("readdir", AT_FDCWD, path, NULL);
  return REAL(opendir)(path);
}

int scandir(const char *path, struct dirent ***list, int (*filter)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
  FAIL_OR("readdir", AT_FDCWD, path, -1);
  return REAL(scandir)(path, list, filter, order);
}

int scandir64(const char *path, struct dirent64 ***list, int (*filter)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  FAIL_OR("readdir", AT_FDCWD, path, -1);
  return REAL(scandir64)(path, list, filter, order);
}

/* libuv asks the kernel itself for these. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (int at = 0; at < 6; at += 1) a[at] = va_arg(rest, long);
  va_end(rest);
  if (raw == NULL) raw = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_statx) FAIL_OR(((char *)a[1])[0] ? "stat" : "fstat", a[0], (char *)a[1], -1);
  if (number == SYS_copy_file_range) FAIL_OR("write", a[2], "", -1);
  if (number == SYS_close) {
    long found = fault("close", a[0], "");
    long result = raw(number, a[0]);
    if (found > 0) { errno = found; return -1; }
    return result;
  }
  return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
