-- Options of contracts.
alter table views.contracts_v1 add column always_on boolean not null default false;
