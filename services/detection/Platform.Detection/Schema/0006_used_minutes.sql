-- The last minutes of objects that share a contract's declared bandwidth; they may be judged by different processes. State, no events.
create table views.used_minutes_v1 (
    tenant_id    uuid    not null,
    service_code text    not null,
    object_id    uuid    not null,
    minute       bigint  not null, -- since 1970
    bits         bigint  not null,
    is_attacked  boolean not null,
    primary key (object_id, minute)
);
create index used_minutes_v1_minute on views.used_minutes_v1 (minute);
