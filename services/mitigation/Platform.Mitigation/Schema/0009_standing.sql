-- Room of what stands always is apart from the room of defence.
alter table views.slots_v1 add column standing boolean not null default false;
update views.slots_v1 s set standing = true from views.mitigations_v1 m where m.mitigation_id = s.mitigation_id and m.order_id is not null;
alter table views.slots_v1 drop constraint slots_v1_pkey, add primary key (mitigation_id, standing);
-- Speakers that may hold something of ours, whether the settings name them or not. Not a projection: state of machines.
create table views.held_speakers_v1 (
    name    text primary key,
    address text not null
);
