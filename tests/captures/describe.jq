# What was sent (the router's counters) beside what was exported (tshark's reading of the capture).
def thousandth: . * 1000 | round / 1000;
def total: { records: length, packets: (map(.packets) | add // 0), bytes: (map(.bytes) | add // 0) };
def counted: { packets, bytes };

[$export | split("\n")[] | select(length > 0) | split("\t") | . as $columns
    | { at: ($columns[0] | tonumber), records: [$columns[1:] | map(split(",")) | transpose[]
        | select(.[0] != null and .[0] != "")
        | { source: .[0], destination: .[1], protocol: (.[2] | tonumber), bytes: (.[3] | tonumber), packets: (.[4] | tonumber) }] }
] as $datagrams
| $datagrams[0].at as $zero
| ($counters[0].nftables | map(.counter // empty | { key: .name, value: . }) | from_entries) as $router
| def is_attack: .source | startswith("198.18.") or startswith("198.19.");
  def is_kind($kind):
    if $kind == "attack" then .destination == $victim and is_attack
    elif $kind == "outbound" then .source | startswith("203.0.113.")
    elif $kind == "neighbours" then (.destination | startswith("203.0.113.")) and .destination != $victim
    else .destination == $victim and (is_attack | not)
        and .protocol == { target_icmp: 1, target_tcp: 6, target_udp: 17 }[$kind] end;
  ["attack", "target_tcp", "target_udp", "target_icmp", "neighbours", "outbound"] as $kinds
| [$datagrams[] | select(any(.records[]; .destination == $victim and is_attack)) | .at] as $attack_datagrams
| {
    capture: ($capture + ".pcap"),
    protocol: { "5": "netflow-v5", "9": "netflow-v9", "10": "ipfix" }["\($version)"],
    $exporter,
    $collector,
    sampling: $sampling,
    datagrams: ($datagrams | length),
    duration_s: ($datagrams[-1].at - $zero | thousandth),
    attack: (if $kind == "none" then null else {
        $kind,
        target: $victim,
        sources: ([$datagrams[].records[] | select(is_kind("attack")).source] | unique | length),
        start_s: ($started - $zero | thousandth),
        end_s: ($ended - $zero | thousandth),
        packets_per_second: ($router.attack.packets / ($ended - $started) | round),
        bits_per_second: ($router.attack.bytes * 8 / ($ended - $started) | round),
        first_attack_record_s: ($attack_datagrams[0] - $started | thousandth),
        first_attack_datagram_s: ($attack_datagrams[0] - $zero | thousandth),
        last_attack_datagram_s: ($attack_datagrams[-1] - $zero | thousandth)
    } end),
    sent: ($kinds | map({ key: ., value: ($router[.] | counted) }) | from_entries),
    exported: ($kinds | map(. as $kind | { key: ., value: ([$datagrams[].records[] | select(is_kind($kind))] | total) })
        | from_entries)
}
