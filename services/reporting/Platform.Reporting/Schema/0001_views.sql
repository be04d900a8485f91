create schema if not exists views;

-- Head of each incident, one row per anomaly. Open until reported_at is set.
create table views.incidents (
    tenant_id               text        not null,
    incident_id             uuid        not null,
    service_code            text        not null,
    target                  text,
    vectors                 text[]      not null default '{}',
    peak_bits_per_second    bigint      not null default 0,
    peak_packets_per_second bigint      not null default 0,
    detected_at             timestamptz,
    ended_at                timestamptz,
    settled_since           timestamptz,
    has_mitigation          boolean     not null default false,
    mitigation_result       text,
    reported_at             timestamptz,
    primary key (tenant_id, incident_id)
);
create index incidents_newest_of_tenant on views.incidents (tenant_id, detected_at desc, incident_id desc);
create index incidents_newest on views.incidents (detected_at desc, incident_id desc);
create index incidents_without_mitigation on views.incidents (settled_since) where reported_at is null and not has_mitigation;
create index incidents_of_contract on views.incidents (service_code);

-- The response history.
create table views.incident_steps (
    tenant_id    text        not null,
    incident_id  uuid        not null,
    step_id      uuid        not null,
    service_code text        not null,
    happened_at  timestamptz not null,
    step         text        not null,
    actor        text        not null,
    details      jsonb       not null,
    primary key (tenant_id, incident_id, step_id)
);
create index incident_steps_of_contract on views.incident_steps (service_code);
