create schema if not exists views;

-- Ended contracts and how far the death of their data has come.
create table views.erasures (
    erasure_id      uuid        primary key,
    tenant_id       uuid        not null,
    service_code    text        not null,
    status          text        not null,
    terminated_at   timestamptz not null,
    due_at          timestamptz not null,
    next_request_at timestamptz,
    owners          text[]      not null default '{}',
    confirmed       text[]      not null default '{}',
    counts          jsonb       not null default '{}',
    certified_at    timestamptz
);
create index erasures_to_request on views.erasures (next_request_at) where next_request_at is not null;
