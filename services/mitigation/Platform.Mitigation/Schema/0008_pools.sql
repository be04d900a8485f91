-- The scrubbing pool that a diversion leads to, and what an agent's kernel is able to do.
alter table views.countermeasures_v1 add column pool text;
alter table views.scrubbers_v1 add column syn_proxy boolean not null default false;
