-- Speakers that may hold something of ours, by address: the same name at another address is another machine, and what the first holds is to be withdrawn
-- all the same. A table of its own, because the version before this one still writes to held_speakers_v1. Not a projection: state of machines.
create table views.held_speakers_v2 (
    address text primary key,
    name    text not null
);
insert into views.held_speakers_v2 (address, name) select address, name from views.held_speakers_v1 on conflict do nothing;
