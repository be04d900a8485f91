-- What is in force now, so that a customer is told of a defence when there is one: the view is built anew under its new name.
alter table views.incidents add has_started boolean not null default false, add has_failed boolean not null default false;

create table views.incident_countermeasures (
    tenant_id         text        not null,
    incident_id       uuid        not null,
    countermeasure_id uuid        not null,
    service_code      text        not null,
    announced_at      timestamptz,
    withdrawn_at      timestamptz,
    primary key (tenant_id, incident_id, countermeasure_id)
);
create index incident_countermeasures_of_contract on views.incident_countermeasures (service_code);
