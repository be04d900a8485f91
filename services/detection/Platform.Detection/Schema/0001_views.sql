-- Read models of detection. Everything but the pulses can be rebuilt from our own events.
create schema if not exists views;

create table views.protected_objects_v1 (
    tenant_id    uuid        not null,
    object_id    uuid        not null,
    service_code text        not null,
    name         text        not null,
    prefixes     text[]      not null,
    thresholds   text        not null, -- JSON, as in the events
    version      bigint      not null,
    retired_at   timestamptz,
    changed_at   bigint      not null, -- position in the feed: whoever follows the table asks for what is above the last one seen
    primary key (tenant_id, object_id)
);
create index protected_objects_v1_changes on views.protected_objects_v1 (changed_at);

create table views.anomalies_v1 (
    tenant_id               uuid        not null,
    anomaly_id              uuid        not null,
    object_id               uuid        not null,
    service_code            text        not null,
    target                  cidr        not null,
    vectors                 text[]      not null,
    peak_bits_per_second    bigint      not null,
    peak_packets_per_second bigint      not null,
    since                   timestamptz not null,
    detected_at             timestamptz not null,
    ended_at                timestamptz,
    primary key (tenant_id, anomaly_id)
);
create index anomalies_v1_newest on views.anomalies_v1 (tenant_id, detected_at desc);
create index anomalies_v1_open on views.anomalies_v1 (anomaly_id) where ended_at is null;

-- Sign of life of each open anomaly, written every second by the process that judges its target. When it stands still, nobody judges the target
-- any more, and the anomaly is ended by whoever sees that.
create table views.pulses_v1 (
    anomaly_id              uuid        primary key,
    beat                    bigint      not null, -- grows while traffic is near a threshold
    until                   timestamptz not null,
    peak_bits_per_second    bigint      not null,
    peak_packets_per_second bigint      not null
);
