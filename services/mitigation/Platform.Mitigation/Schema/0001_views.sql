-- Read models of mitigation. Everything here can be rebuilt: from our own events, or from the facts of accounts.
create schema if not exists views;

-- Copy of accounts' contracts, fed by its facts; a row without prefixes is a contract of which only the end is known.
create table views.contracts_v1 (
    contract_id  uuid        primary key,
    tenant_id    uuid        not null,
    service_code text        not null unique,
    prefixes     cidr[]      not null,
    version      bigint      not null,
    ended_at     timestamptz
);

create table views.mitigations_v1 (
    tenant_id               uuid        not null,
    mitigation_id           uuid        not null,
    anomaly_id              uuid        not null,
    service_code            text        not null,
    target                  text        not null, -- text: a refused target may be no prefix at all
    started_at              timestamptz not null,
    expires_at              timestamptz,
    held_until              timestamptz,
    withdrawal_requested_at timestamptz,
    ended_at                timestamptz,
    failure                 text,
    primary key (tenant_id, mitigation_id)
);
create index mitigations_v1_newest on views.mitigations_v1 (tenant_id, started_at desc);
create index mitigations_v1_contract on views.mitigations_v1 (tenant_id, service_code);
create index mitigations_v1_standing on views.mitigations_v1 (expires_at)
    where withdrawal_requested_at is null and ended_at is null;

create table views.countermeasures_v1 (
    tenant_id         uuid     not null,
    mitigation_id     uuid     not null,
    countermeasure_id uuid     not null,
    kind              smallint not null,
    prefix            cidr     not null,
    announced_by      text[]   not null default '{}',
    route             text     not null default '',
    withdrawing       boolean  not null default false,
    withdrawn         boolean  not null default false,
    primary key (tenant_id, countermeasure_id)
);
create index countermeasures_v1_mitigation on views.countermeasures_v1 (tenant_id, mitigation_id);
-- What the network shall hold, or still holds: the reconciler reads it at each pass.
create index countermeasures_v1_in_network on views.countermeasures_v1 (countermeasure_id) where not withdrawn;

-- Room under the caps, taken before a countermeasure is decided, so that a burst of anomalies cannot pass a cap together.
create table views.slots_v1 (
    mitigation_id uuid        primary key,
    tenant_id     uuid        not null,
    taken_at      timestamptz not null
);
