-- What is told of an anomaly says how often its like came to the same target at the same hour of the days before.
create index anomalies_v1_target on views.anomalies_v1 (object_id, target, detected_at desc);
