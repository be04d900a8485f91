create schema if not exists views;

create table views.notices (
    tenant_id    text        not null,
    notice_id    uuid        not null,
    service_code text        not null,
    kind         text        not null,
    details      jsonb       not null,
    published_at timestamptz not null,
    primary key (tenant_id, notice_id)
);
create index notices_newest_of_tenant on views.notices (tenant_id, published_at desc, notice_id desc);
create index notices_of_contract on views.notices (service_code);
