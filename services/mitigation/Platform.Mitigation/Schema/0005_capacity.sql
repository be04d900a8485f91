-- Capacity by declared bandwidth, and the always-on option.
alter table views.contracts_v1 add column declared_bits_per_second bigint not null default 0;

create table views.always_on_v1 (
    tenant_id    uuid        not null,
    service_code text        not null,
    order_id     uuid        not null, -- the last one
    ordered      boolean     not null,
    changed_at   timestamptz not null,
    primary key (tenant_id, service_code)
);

-- Room that is kept for a contract between the question and the contract itself. Not a projection.
create table views.capacity_holds_v1 (
    hold_id         uuid        primary key,
    service_code    text        not null, -- empty: of a contract that is not there yet
    bits_per_second bigint      not null,
    held_until      timestamptz not null
);

-- The standing diversion of an order.
alter table views.mitigations_v1 add column order_id uuid;
create index mitigations_v1_order on views.mitigations_v1 (order_id) where order_id is not null;
