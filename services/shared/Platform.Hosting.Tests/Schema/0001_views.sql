create schema views;

create table views.rings (
    bell  varchar primary key,
    rings bigint not null
);
