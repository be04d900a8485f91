create schema views;

create table views.tallies_v1 (
    tenant_id varchar not null,
    tally     varchar not null,
    total     bigint  not null,
    events    bigint  not null,
    primary key (tenant_id, tally)
);
