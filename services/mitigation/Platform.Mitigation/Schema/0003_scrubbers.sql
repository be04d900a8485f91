-- Agents on scrubber nodes and when each was last heard. Not a projection: state of machines.
create table views.scrubbers_v1 (
    name     text        primary key,
    heard_at timestamptz not null
);
