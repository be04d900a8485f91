-- When any replica last heard telemetry, and whether it was told that all of it is gone. State, no events: lost, it is known again a second later.
create table views.telemetry_heard_v1 (
    id       boolean     primary key default true check (id), -- one row
    heard_at timestamptz not null,
    is_gone  boolean     not null default false
);
