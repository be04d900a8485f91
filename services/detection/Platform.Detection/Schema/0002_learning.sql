-- How long the judge of an anomaly waits for its next pulse, and what else is set about an object.
alter table views.pulses_v1 add column quiet_for interval not null default interval '0';
alter table views.protected_objects_v1 add column settings text not null default '{}';

-- What was learned of each object; see Learning/ObjectBaseline.cs. State, no events: lost, it is learned again.
create table views.baselines_v1 (
    tenant_id    uuid        not null,
    object_id    uuid        primary key,
    service_code text        not null,
    saved_at     timestamptz not null,
    content      bytea       not null
);
create index baselines_v1_newest on views.baselines_v1 (saved_at);
