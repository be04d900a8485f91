-- Room is also counted with what lets allowed sources through: routers and scrubbers hold it all. What stands is counted anew within minutes.
alter table views.slots_v1 add column rules integer not null default 0;
update views.slots_v1 set rules = amount;
alter table views.standing_slots_v1 add column rules integer not null default 0;
update views.standing_slots_v1 set rules = amount;
