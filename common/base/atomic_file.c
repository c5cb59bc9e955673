/* SPDX-License-Identifier: Apache-2.0 */
/* The frame is one line, "switchyard-file 1 KIND LENGTH SHA256\n", and then the content. */
#include "common/base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/hash.h"

#define MAGIC     "switchyard-file 1"
#define FRAME_MAX 256 /* bytes of the frame line with its newline */
#define KIND_MAX  64

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        s = (struct str){s.p + n, s.n - (size_t)n};
    }
    return 0;
}

/* The folder's own entry must be on disk too, or a crash may undo the rename. */
static int sync_folder(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct str name = slash == path ? STR("/")
                      : slash       ? (struct str){path, (size_t)(slash - path)}
                                    : STR(".");

    if (!str_copy(name, folder, sizeof folder))
        return err_set(err, ERR_INVALID, "sync the folder of %s: the path is too long", path);
    CLEANUP(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open the folder %s", folder);
    if (fsync(fd) < 0)
        return err_errno(err, errno, "sync the folder %s", folder);
    return 0;
}

static int write_new(const char *path, const char *frame, struct str content, struct err *err)
{
    CLEANUP(close_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_errno(err, errno, "create %s", path);
    int e = write_all(fd, str_of(frame));
    if (e == 0)
        e = failpoint(FP_STATE_WRITE);
    if (e == 0)
        e = write_all(fd, content);
    if (e != 0)
        return err_errno(err, e, "write %s", path);
    if (fsync(fd) < 0)
        return err_errno(err, errno, "sync %s", path);
    return 0;
}

static int rename_over(const char *from, const char *to, struct err *err)
{
    int e = failpoint(FP_STATE_RENAME);

    if (e == 0 && rename(from, to) < 0)
        e = errno;
    return e == 0 ? 0 : err_errno(err, e, "rename %s to %s", from, to);
}

int atomic_file_write(const char *path, const char *kind, struct str content, struct err *err)
{
    char temporary[PATH_MAX], frame[FRAME_MAX], hex[SHA256_HEX];
    struct sha256 sum = sha256_of(content.p, content.n);

    CHECK(*kind && strlen(kind) <= KIND_MAX && !strpbrk(kind, " \n"));
    if (!str_fmt(temporary, sizeof temporary, "%s.new", path))
        return err_set(err, ERR_INVALID, "write %s: the path is too long", path);
    str_fmt(frame, sizeof frame, MAGIC " %s %zu %s\n", kind, content.n, sha256_hex(&sum, hex));

    int r = write_new(temporary, frame, content, err);
    if (r == 0)
        r = rename_over(temporary, path, err);
    if (r < 0) {
        unlink(temporary);
        return r;
    }
    return sync_folder(path, err);
}

/* link() does not replace. */
static int link_to(const char *from, const char *to, struct err *err)
{
    if (link(from, to) == 0)
        return 0;
    if (errno == EEXIST)
        return err_set(err, ERR_EXISTS, "%s exists already", to);
    return err_errno(err, errno, "link %s to %s", from, to);
}

static int write_whole(int fd, const char *path, struct str content, struct err *err)
{
    int e = write_all(fd, content);

    if (e == 0 && fsync(fd) < 0)
        e = errno;
    return e == 0 ? 0 : err_errno(err, e, "write %s", path);
}

int file_write(const char *path, struct str content, bool replace, struct err *err)
{
    char temporary[PATH_MAX];
    int r;

    if (!str_fmt(temporary, sizeof temporary, "%s.XXXXXX", path))
        return err_set(err, ERR_INVALID, "write %s: the path is too long", path);
    CLEANUP(close_fd) int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return err_errno(err, errno, "create %s", path);
    r = write_whole(fd, path, content, err);
    if (r == 0 && replace)
        r = rename_over(temporary, path, err);
    else if (r == 0)
        r = link_to(temporary, path, err);
    if (r < 0 || !replace)
        unlink(temporary);
    return r < 0 ? r : sync_folder(path, err);
}

int file_read(const char *path, struct buf *b, struct err *err)
{
    struct stat st;

    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "open %s", path);
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "look at %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is not a plain file", path);
    for (;;) {
        char chunk[16 * 1024];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "read %s", path);
        if (n == 0)
            return 0;
        if (!buf_add(b, chunk, (size_t)n))
            return err_set(err, ERR_EXHAUSTED, "%s is larger than %zu bytes", path, b->max);
    }
}

/* Take the next word of `line`. */
static struct str word(struct str *line)
{
    struct str head;

    str_cut(*line, ' ', &head, line);
    return head;
}

/* What is wrong with a file, or NULL with the content in *ret_content. */
static const char *unframe(struct str file, const char *kind, struct str *ret_content)
{
    struct str line, content, magic = STR(MAGIC " ");
    char hex[SHA256_HEX];
    uint64_t length;

    if (!str_cut(file, '\n', &line, &content) || !str_starts(line, magic))
        return "it does not begin with the line of a state file";
    line = (struct str){line.p + magic.n, line.n - magic.n};
    if (!str_eq(word(&line), str_of(kind)))
        return "it holds another kind of state";
    if (!str_to_u64(word(&line), SIZE_MAX, &length) || line.n != sizeof hex - 1)
        return "its first line is damaged";
    if (length != content.n)
        return "it is shorter or longer than its first line says";
    struct sha256 sum = sha256_of(content.p, content.n);
    if (!str_eq(line, str_of(sha256_hex(&sum, hex))))
        return "its checksum does not match";
    *ret_content = content;
    return NULL;
}

int atomic_file_read(const char *path, const char *kind, struct buf *b, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf file = BUF_INIT(b->max + FRAME_MAX);
    struct str content;

    int r = file_read(path, &file, err);
    if (r < 0)
        return r;
    const char *why = unframe(buf_view(&file), kind, &content);
    if (why) {
        r = err_set(err, ERR_CORRUPT, "%s is not a usable %s file: %s", path, kind, why);
        err_hint(err, "move it away to start without it; keep it for the report");
        return r;
    }
    if (!buf_add_str(b, content))
        return err_set(err, ERR_EXHAUSTED, "%s is larger than %zu bytes", path, b->max);
    return 0;
}

static int make_one(const char *path, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    int e = errno;
    if (e == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return err_errno(err, e == EEXIST ? ENOTDIR : e, "make the folder %s", path);
}

int dir_make(const char *path, struct err *err)
{
    char part[PATH_MAX];

    if (!str_copy(str_of(path), part, sizeof part) || !*part)
        return err_set(err, ERR_INVALID, "make the folder \"%.64s\": not a usable path", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = make_one(part, err);
        if (r < 0)
            return r;
        *slash = '/';
    }
    return make_one(part, err);
}
