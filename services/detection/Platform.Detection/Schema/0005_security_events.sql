-- Traffic above what contracts declare, apart from attacks.
create table views.bandwidth_excesses_v1 (
    tenant_id                uuid        not null,
    object_id                uuid        not null,
    service_code             text        not null,
    declared_bits_per_second bigint      not null,
    peak_bits_per_second     bigint      not null,
    since                    timestamptz not null,
    until                    timestamptz,
    primary key (tenant_id, object_id, since)
);

-- Security events of our own streams: can be rebuilt.
create table views.recorded_events_v1 (
    event_id     uuid        primary key,
    tenant_id    uuid,
    at           timestamptz not null,
    severity     smallint    not null,
    kind         text        not null,
    subject      text        not null,
    sentence     text        not null,
    service_code text        not null
);
create index recorded_events_v1_newest on views.recorded_events_v1 (tenant_id, at desc, event_id desc);

-- Security events that others told, or that the detector noticed about itself: stay when the others are rebuilt. Without tenant: the provider's network.
create table views.noted_events_v1 (like views.recorded_events_v1 including all);

create view views.security_events as
    select * from views.recorded_events_v1 union all select * from views.noted_events_v1;
