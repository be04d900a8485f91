-- What the effect of a countermeasure is measured by, and which step of the policy it belongs to.
alter table views.mitigations_v1 add column evidence jsonb;

alter table views.countermeasures_v1
    add column step         integer not null default 0,
    add column announced_at timestamptz,
    add column withdrawn_at timestamptz,
    add column measured     boolean not null default false; -- the last word was said
create index countermeasures_v1_to_measure on views.countermeasures_v1 (withdrawn_at)
    where in_network and announced_at is not null and not measured;
