-- Room of what stands always is apart from the room of defence: a table of its own, because the version before this one still writes to slots_v1.
create table views.standing_slots_v1 (
    mitigation_id uuid        primary key,
    tenant_id     uuid        not null,
    taken_at      timestamptz not null,
    amount        integer     not null
);
insert into views.standing_slots_v1 (mitigation_id, tenant_id, taken_at, amount)
    select s.mitigation_id, s.tenant_id, s.taken_at, s.amount
    from views.slots_v1 s
    where exists (select from views.mitigations_v1 m where m.mitigation_id = s.mitigation_id and m.order_id is not null);
delete from views.slots_v1 s using views.standing_slots_v1 o where o.mitigation_id = s.mitigation_id;
-- Speakers that may hold something of ours, whether the settings name them or not. Not a projection: state of machines.
create table views.held_speakers_v1 (
    name    text primary key,
    address text not null
);
