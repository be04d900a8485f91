create schema if not exists views;

-- Registered exporters, from their events.
create table views.exporters (
    exporter_id   uuid        primary key,
    stream_key    text        not null unique,
    address       text        not null unique,
    name          text        not null,
    sampling_rate bigint      not null,
    silent        boolean     not null default false,
    heard         boolean     not null default false,
    registered_at timestamptz not null
);

-- When each was last heard by any replica. A measurement, not an event: rebuilt by the next datagram.
create table views.exporter_sightings (
    exporter_id  uuid        primary key,
    last_seen_at timestamptz not null
);

-- Whom we count for: detection's facts. Only the highest version stands; a retired object stays so, whatever comes later.
create table views.protected_objects (
    object_id     uuid    primary key,
    tenant_id     uuid    not null,
    version       bigint  not null,
    prefixes      text[]  not null,
    watch_bytes   bigint  not null,
    watch_packets bigint  not null,
    retired       boolean not null
);
