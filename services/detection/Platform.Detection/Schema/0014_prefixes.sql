-- What an anomaly is spread over: how much of it each prefix has, as it was told last, and since when. Anomalies of before have none until they are rebuilt
-- (`rebuild known_anomalies_v1`).
create table views.anomaly_prefixes_v1 (
    tenant_id    uuid             not null,
    anomaly_id   uuid             not null,
    prefix       cidr             not null,
    service_code text             not null,
    share        double precision not null, -- of the attack's packets, 0 to 1; 0: not any more
    peak_share   double precision not null,
    since        timestamptz      not null, -- named first
    primary key (tenant_id, anomaly_id, prefix)
);
