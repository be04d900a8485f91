-- The last minutes of objects that share a contract's declared bandwidth. Several processes may have a part of one; a part that is written again is the same.
-- `used_minutes_v1` stays for replicas of the release before. State, no events.
create table views.used_minutes_v2 (
    tenant_id    uuid    not null,
    service_code text    not null,
    object_id    uuid    not null,
    minute       bigint  not null, -- since 1970
    part         uuid    not null,
    bits         bigint  not null,
    is_attacked  boolean not null,
    primary key (object_id, minute, part)
);
create index used_minutes_v2_minute on views.used_minutes_v2 (minute);
