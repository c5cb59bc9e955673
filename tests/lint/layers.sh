#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reads every #include: a folder uses what its line allows, and a foreign header has one home.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# folder: the folders of ours it may use besides itself; `proto` are the generated headers.
layers() {
    cat <<'LAYERS'
common/base:
common/fsm: common/base
common/model: common/base common/fsm
common/decide: common/base common/model
common/compare: common/base common/model
common/loop: common/base
common/http1: common/base
common/pages: common/base common/loop common/http1
common/rpc: common/base common/loop proto
common/wire: common/base common/model common/decide common/rpc proto
common/pg: common/base
coordinator/web: common/base
coordinator/check: common/base common/loop common/model common/pg coordinator/web
coordinator/notify: common/base common/loop common/model coordinator/web
coordinator/core: common/base common/fsm common/model
coordinator/store: common/base common/loop
coordinator/fleet: common/base common/loop common/model common/rpc proto
coordinator/election: common/base common/fsm common/model
coordinator/peer: common/base common/loop common/model common/rpc common/wire proto coordinator/fleet
coordinator/driver: common/base common/fsm common/loop common/model coordinator/core coordinator/election coordinator/store coordinator/fleet
coordinator/service: common/base common/loop common/model common/rpc common/wire proto coordinator/core coordinator/fleet
coordinator: common/base common/fsm common/loop common/model common/pages common/rpc proto coordinator/core coordinator/store coordinator/fleet coordinator/driver coordinator/election coordinator/peer coordinator/service coordinator/check coordinator/notify coordinator/web
sidecar/agent: common/base common/fsm common/model
sidecar/transport: common/base common/loop
sidecar/h2: sidecar/transport common/base common/loop common/http1
sidecar/proxy: sidecar/h2 sidecar/transport common/base common/loop common/fsm common/model common/decide common/http1 common/compare
sidecar/control: common/base common/loop common/model common/rpc common/wire proto sidecar/agent
sidecar: common/base common/fsm common/loop common/model common/pages common/rpc sidecar/agent sidecar/transport sidecar/proxy sidecar/control
cli: common/base common/loop common/model common/decide common/compare common/rpc proto
LAYERS
}

# header prefix: where it may be included. utlist and uthash are ours as far as this goes.
homes() {
    cat <<'HOMES'
grpc/: common/rpc
protobuf-c/: common/rpc coordinator/service
libpq-fe.h: common/pg
sqlite3.h: coordinator/store/store_sqlite_parts.h
ares.h: sidecar/proxy/resolver.c
nghttp2/: sidecar/h2
curl/: coordinator/web coordinator/store/etcd_http.c
sha2.h: common/base/hash.c
openssl/: sidecar/transport
zlib.h: cli/gzip.c common/compare/unpack.c
cjson/: common/base/json.c
yaml.h: common/base/yaml.c
sys/epoll.h: common/loop
sys/signalfd.h: common/loop
sys/eventfd.h: common/loop
HOMES
}

mapfile -t sources < <(files 'common/*.[ch]' 'coordinator/*.[ch]' 'sidecar/*.[ch]' 'cli/*.[ch]')

check() {
    grep -HnE '^#include ' "${sources[@]}" | awk -v layers="$(layers)" -v homes="$(homes)" '
        BEGIN {
            n = split(layers, line, "\n")
            for (i = 1; i <= n; i++) {
                split(line[i], half, ":"); known[half[1]] = 1
                m = split(half[2], uses, " ")
                for (j = 1; j <= m; j++) may[half[1], uses[j]] = 1
                may[half[1], half[1]] = 1
            }
            homes_n = split(homes, home, "\n")
        }
        function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
        {
            split($0, part, ":"); file = part[1]; from = folder(file)
            header = $2; gsub(/[<>"]/, "", header)
        }
        !(from in known) { print file ": the folder is in no layer; add it to tests/lint/layers.sh"; next }
        $2 ~ /^"/ {
            to = header ~ /\.pb-c\.h$/ ? "proto" : folder(header)
            if (!((from, to) in may))
                print part[1] ":" part[2] ": " from " may not use " to " (" header ")"
            next
        }
        {
            for (i = 1; i <= homes_n; i++) {
                split(home[i], half, ": ")
                if (index(header, half[1]) != 1) continue
                m = split(half[2], place, " "); fine = 0
                for (j = 1; j <= m; j++) if (file == place[j] || from == place[j]) fine = 1
                if (!fine) print part[1] ":" part[2] ": <" header "> is included only by " half[2]
            }
        }'
}

check | report
