-- What an attack is spread over: how much of it each prefix has, as it was told last, and since when. Incidents of before name none.
create table views.incident_prefixes (
    tenant_id    text             not null,
    incident_id  uuid             not null,
    prefix       cidr             not null,
    service_code text             not null,
    share        double precision not null, -- of the attack's packets, 0 to 1; 0: not any more
    peak_share   double precision not null,
    since        timestamptz      not null, -- named first
    told_at      timestamptz      not null, -- share is of this time
    primary key (tenant_id, incident_id, prefix)
);
create index incident_prefixes_of_contract on views.incident_prefixes (service_code);
