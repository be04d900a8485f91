-- Minutes of each object, for re-learning: an hour (or what one process saw of it) a row; see Learning/TrafficHistory.cs. Measurements, no events.
create table views.traffic_history_v1 (
    tenant_id    uuid        not null,
    object_id    uuid        not null,
    service_code text        not null,
    started_at   timestamptz not null, -- the first minute
    content      bytea       not null,
    primary key (object_id, started_at)
);
create index traffic_history_v1_oldest on views.traffic_history_v1 (started_at);
