-- What an operator says about an anomaly, and what would follow from it.
alter table views.anomalies_v1
    add column level               smallint not null default 0,
    add column direction           smallint not null default 0,
    add column marked_false_at     timestamptz,
    add column marked_false_by     text,
    add column marked_false_reason text,
    add column proposal            text; -- JSON, thresholds as in the events
