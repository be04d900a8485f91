-- Rules beside whole prefixes; proposals and rehearsals that are not in the network; several countermeasures for one mitigation.
alter table views.mitigations_v1
    add column object_id uuid,
    add column mode      smallint not null default 0,
    add column step      integer  not null default 0,
    add column step_since timestamptz,
    add column before_bits_per_second bigint not null default 0;

alter table views.countermeasures_v1
    add column rule       jsonb,
    add column in_network boolean not null default true,
    add column rehearsed  boolean not null default false,
    add column effect     jsonb;
drop index views.countermeasures_v1_in_network;
create index countermeasures_v1_in_network on views.countermeasures_v1 (countermeasure_id) where in_network and not withdrawn;

alter table views.slots_v1 add column amount integer not null default 1;

create table views.policies_v1 (
    tenant_id    uuid     not null,
    object_id    uuid     not null,
    service_code text     not null,
    policy       jsonb    not null,
    primary key (tenant_id, object_id)
);

-- One row at most: whether anything may be in the network at all. Without a row the switch was never turned.
create table views.kill_switch_v1 (
    one        boolean     primary key default true check (one),
    engaged    boolean     not null,
    changed_at timestamptz not null,
    note       text        not null,
    actor      text        not null
);
