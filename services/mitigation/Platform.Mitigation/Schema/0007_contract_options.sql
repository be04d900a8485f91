-- The always-on option as the newest version of the contract says it; false once it has ended.
alter table views.contracts_v1 add column always_on boolean not null default false;
