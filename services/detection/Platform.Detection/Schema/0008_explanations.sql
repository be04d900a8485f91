-- Why an anomaly was recognised, as it was told last. Rows of before have none until they are rebuilt (`rebuild known_anomalies_v1`).
alter table views.anomalies_v1
    add column severity    smallint,
    add column pulses      integer not null default 1,
    add column explanation text; -- JSON, as in the events
