/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/login.h"

#include <pwd.h>
#include <unistd.h>

#include "common/base/str.h"

void login_name(char *ret, size_t size)
{
    const struct passwd *p = getpwuid(getuid());

    if (!p || !str_copy(str_of(p->pw_name), ret, size))
        str_fmt(ret, size, "uid-%u", (unsigned)getuid());
}
