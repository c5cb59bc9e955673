# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # what this reads belongs to deploy/ha.sh
# What deploy/ha.sh --once does: breaks one thing after the other, and checks what follows. Facts are checked where
# they happen and told at the end.

# Break NAME...: kill -9.
slay() {
    local name pids=()
    for name in "$@"; do pids+=("$(pid_of "$name")"); done
    run kill -9 "${pids[@]}"
}

# timed COMMAND...: run it; its milliseconds into `took`, its exit status into `status_of`.
timed() {
    local began
    began=$(now_ms)
    status_of=0
    run "$@" || status_of=$?
    took=$(($(now_ms) - began))
}

whole() {
    wait_for 20 "etcd is healthy" etcd_is_healthy
    wait_for 20 "a coordinator leads" leads_now
    wait_for 20 "every coordinator is there" all_coordinators
    wait_for 20 "every node is connected" nodes_serve
}
all_coordinators() { [ "$(switchyard get coordinators -o json | jq '[.coordinators[] | select(.reachable)] | length')" -eq 3 ]; }

# Requests that reach new in the two seconds from now on. One that was on its way has 20 ms to be logged.
new_from_now() {
    local from=$(($(now_ms) + 20))
    wait_for 10 "legacy serves for two seconds" is_past $((from + 2000))
    new_since $from
}

lift() {
    run switchyard rollback shop --clear --reason "it is over"
    run switchyard start shop --reason "on again"
    run switchyard set weight shop 25 --reason "on again"
}

chapter "The leader is killed"
old=$(leader)
slay "$old"
timed switchyard set weight shop 30 --reason "while nobody leads" --timeout 10s
fact "leader killed: until the next one carried out a command" "$took ms" is $((status_of * 100000 + took)) '<' $((ttl_ms + 2000))
fact "  it is another one" "$(leader)" leads_now "$old"
again "$old"
whole

chapter "The leader is killed, and at that moment an emergency order goes to a follower"
old=$(leader) there=$(follower_address)
slay "$old"
timed switchyard rollback shop --emergency --reason "INC-1" --endpoints "$there"
fact "emergency through a follower, nobody leads: all nodes after" "$took ms" is $((status_of * 100000 + took)) '<' 1000
late=$(new_from_now)
fact "  requests on new after the answer" "$late" is "$late" == 0
again "$old"
whole
lift

chapter "The leader hangs for longer than its lease lives"
old=$(leader)
run kill -STOP "$(pid_of "$old")"
began=$(now_ms)
# One that was handed to the leader may be lost with it, and says so.
until run switchyard set weight shop 35 --reason "while the leader hangs"; do
    [ $(($(now_ms) - began)) -lt 20000 ] || fail "no coordinator carried out a command for 20 s"
done
took=$(($(now_ms) - began))
fact "leader stopped: until the next one carried out a command" "$took ms" is $took '<' $((ttl_ms + 3000))
fact "  it is another one" "$(leader)" leads_now "$old"
run kill -CONT "$(pid_of "$old")"
whole
run switchyard get coordinators
leaders=$(switchyard get coordinators -o json | jq '[.coordinators[] | select(.role == "leader")] | length')
fact "  coordinators that lead when it goes on" "$leaders" is "$leaders" == 1

chapter "One etcd member is killed, then a second one"
slay etcd-1
timed switchyard set weight shop 40 --reason "with two of three members"
fact "an etcd member killed: a command" "$took ms" is $((status_of * 100000 + took)) '<' 5000
slay etcd-2
timed switchyard rollback shop --emergency --reason "INC-2" --timeout 10s
fact "etcd lost its majority: emergency, all nodes after" "$took ms" is $((status_of * 100000 + took)) '<' 2000
late=$(new_from_now)
fact "  requests on new after the answer" "$late" is "$late" == 0
again etcd-1
again etcd-2
whole
wait_for 20 "the order is stored" in_history "INC-2"
lift

chapter "Everything that could decide is killed"
slay "${members[@]}" "${coordinators[@]}"
timed switchyard rollback shop --emergency --direct all --reason "INC-3"
fact "no control plane: emergency straight to the nodes" "$took ms" is $((status_of * 100000 + took)) '<' 1000
late=$(new_from_now)
fact "  requests on new after the answer" "$late" is "$late" == 0
for name in "${members[@]}" "${coordinators[@]}"; do again "$name"; done
whole
fact "  it is back: the order stands" "$(status .emergency.active)" status_is .emergency.active true
wait_for 20 "the order is adopted" in_history "INC-3"
run switchyard history shop --limit 8

counts=$(clients)
chapter "Measured"
fact "requests by clients through six nodes" "${counts% *}" is "${counts% *}" '>' 1000
fact "client errors, all of this included" "${counts#* }" is "${counts#* }" == 0
printf '%s\n' "${facts[@]}"
[ "$broken" -eq 0 ] || fail "$broken facts are not as they should be"
