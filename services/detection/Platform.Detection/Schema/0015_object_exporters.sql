-- Which exporters told of the traffic of which object, and since when without a long pause: whose tenants are told when one of them falls silent.
create table views.object_exporters_v1 (
    exporter_id uuid        not null,
    object_id   uuid        not null,
    since       timestamptz not null,
    heard_at    timestamptz not null,
    primary key (exporter_id, object_id)
);

-- Silences that tenants were told of and whose end they were not told of yet.
create table views.exporter_silences_v1 (
    exporter_id  uuid        not null,
    silent_at    timestamptz not null,
    tenant_id    uuid        not null,
    service_code text        not null,
    last_seen_at timestamptz not null,
    primary key (exporter_id, silent_at, tenant_id, service_code)
);

-- When an exporter returned last: facts may come in the wrong order. Its row is also what both wait for, so that neither misses the other.
create table views.exporter_returns_v1 (
    exporter_id uuid        primary key,
    returned_at timestamptz not null
);
